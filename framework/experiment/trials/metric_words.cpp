#include "experiment/trials/metric_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "core/option_schema.hpp"

namespace tessera {
namespace {

constexpr const char* kOfEvaluation = "evaluation.";
constexpr size_t kListed = 8;

bool begins(const std::string& text, const std::string& with) { return text.compare(0, with.size(), with) == 0; }

bool ends(const std::string& text, const std::string& with) {
  if (text.size() <= with.size() || text.compare(text.size() - with.size(), with.size(), with) != 0) return false;
  const char before = text[text.size() - with.size() - 1];
  return before == '_' || before == '.';
}

bool is_short_for(const std::string& word, const std::string& name) { return begins(name, word) || ends(name, word); }

// 0 the best; -1 none.
int fit(const std::string& word, const MetricName& metric) {
  const auto part = metric.part();
  if (word == metric.word() || word == part + " " + metric.name || word == metric.slot + "." + metric.name) return 0;
  if (word == metric.name) return 1;
  // "free.frechet_random_features" and "free.frechet": the word's own dots may be the part's or the name's.
  bool short_of_both = false;
  for (auto dot = word.find_first_of(". "); dot != std::string::npos; dot = word.find_first_of(". ", dot + 1)) {
    const auto of_part = word.substr(0, dot), of_name = word.substr(dot + 1);
    if (of_part != part && !ends(part, of_part)) continue;
    if (of_name == metric.name) return 2;
    short_of_both = short_of_both || (!of_name.empty() && is_short_for(of_name, metric.name));
  }
  if (short_of_both) return 3;
  return is_short_for(word, metric.name) ? 4 : -1;
}

// Each name once, those of a low rank first.
std::vector<std::string> distinct_names(const std::vector<MetricName>& metrics) {
  std::map<std::string, int> rank_of;
  for (const auto& one : metrics) {
    const auto [known, is_new] = rank_of.try_emplace(one.name, one.rank);
    if (!is_new) known->second = std::min(known->second, one.rank);
  }
  std::vector<std::string> names;
  for (const auto& [name, rank] : rank_of) names.push_back(name);
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return rank_of.at(a) < rank_of.at(b); });
  return names;
}

}  // namespace

std::string part_of_slot(const std::string& slot) {
  return begins(slot, kOfEvaluation) ? slot.substr(std::char_traits<char>::length(kOfEvaluation)) : slot;
}

std::string MetricName::part() const { return part_of_slot(slot); }

std::vector<std::vector<MetricName>> metrics_meant(const std::string& word, const std::vector<MetricName>& names) {
  std::map<std::pair<int, int>, std::vector<MetricName>> by_fit;
  if (word.empty()) return {};
  for (const auto& name : names)
    if (const int how = fit(word, name); how >= 0) by_fit[{how, name.rank}].push_back(name);
  std::vector<std::vector<MetricName>> lists;
  for (auto& [how, list] : by_fit) lists.push_back(std::move(list));
  return lists;
}

int metric_rank(const std::string& slot, bool by_sample, const std::string& goal) {
  enum Rank { with_goal, evaluated, trained, calibration };
  if (slot == "evaluation.calibration") return calibration;
  if (!begins(slot, kOfEvaluation) && !begins(slot, "samples.")) return trained;
  return goal != "none" && !by_sample ? with_goal : evaluated;
}

std::vector<MetricName> metrics_named(const std::string& verb, const std::string& word, const std::vector<MetricName>& names) {
  std::vector<MetricName> found;
  int best = -1;
  for (const auto& name : names) {
    const int how = word.empty() ? -1 : fit(word, name);
    if (how < 0 || (best >= 0 && how > best)) continue;
    if (how != best) found.clear();
    best = how;
    found.push_back(name);
  }
  if (distinct_names(found).size() > 1) {
    const auto least = std::min_element(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.rank < b.rank; })->rank;
    found.erase(std::remove_if(found.begin(), found.end(), [&](const auto& one) { return one.rank > least; }), found.end());
  }
  const auto fitting = distinct_names(found);
  if (fitting.size() == 1) return found;
  if (fitting.size() > 1)
    throw Error(ExitCode::bad_config, fmt::format("{}: found metric '{}', which may be {}", verb, word, listed(fitting)));
  const auto there = distinct_names(names);
  if (there.empty()) throw Error(ExitCode::bad_config, fmt::format("{}: found metric '{}', and no metric has a number yet", verb, word));
  std::vector<std::string> known = there;
  for (const auto& name : names) known.insert(known.end(), {name.word(), name.name, name.name.substr(0, name.name.find('_'))});
  const auto near = did_you_mean(word, known);
  throw Error(ExitCode::bad_config, fmt::format("{}: found metric '{}', expected one of {}{}", verb, word, listed(there),
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

std::string listed(const std::vector<std::string>& words) {
  const std::vector<std::string> first(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(std::min(words.size(), kListed)));
  return words.size() > kListed ? fmt::format("{} or {} more", fmt::join(first, ", "), words.size() - kListed)
                                : fmt::format("{}", fmt::join(first, words.size() == 2 ? " or " : ", "));
}

}  // namespace tessera
