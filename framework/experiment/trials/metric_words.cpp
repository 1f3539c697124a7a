#include "experiment/trials/metric_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace tessera {
namespace {

constexpr const char* kEvaluation = "evaluation.";
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

}  // namespace

std::string part_of_slot(const std::string& slot) {
  return begins(slot, kEvaluation) ? slot.substr(std::char_traits<char>::length(kEvaluation)) : slot;
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

std::string listed(const std::vector<std::string>& words) {
  const std::vector<std::string> first(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(std::min(words.size(), kListed)));
  return words.size() > kListed ? fmt::format("{} or {} more", fmt::join(first, ", "), words.size() - kListed)
                                : fmt::format("{}", fmt::join(first, words.size() == 2 ? " or " : ", "));
}

}  // namespace tessera
