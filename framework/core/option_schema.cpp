#include "core/option_schema.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"

namespace tessera {
namespace {

constexpr std::array<const char*, 6> kTypes = {"bool", "int", "float", "string", "choice", "file"};

bool names_list(const std::string& type) { return type.size() > 2 && type.compare(type.size() - 2, 2, "[]") == 0; }
std::string element_type(const std::string& type) { return names_list(type) ? type.substr(0, type.size() - 2) : type; }

std::string bound(const std::string& type, double value) {
  return type == "int" && std::abs(value) < 1e15 ? std::to_string(static_cast<int64_t>(value)) : to_line(Json(value));
}

bool element_fits(const OptionSchema& option, const std::string& type, const Json& value) {
  if (type == "bool") return value.is_boolean();
  if (type == "string" || type == "file") return value.is_string();
  if (type == "choice")
    return value.is_string() && std::find(option.choices.begin(), option.choices.end(), value.get<std::string>()) != option.choices.end();
  if (type == "int" && (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX))) return false;
  if (!value.is_number()) return false;
  double number = value.get<double>();
  return std::isfinite(number) && (!option.min || number >= *option.min) && (!option.max || number <= *option.max);
}

// "integer from 2 to 64" / "integers from 2 to 64"
std::string element_expectation(const OptionSchema& option, const std::string& type, bool plural) {
  if (type == "bool") return plural ? "true or false values" : "true or false";
  if (type == "string") return plural ? "strings" : "string";
  if (type == "file") return plural ? "paths of files" : "path of a file";
  if (type == "choice") {
    std::string text = plural ? "values out of " : option.choices.size() == 1 ? "" : "one of ";
    for (size_t i = 0; i < option.choices.size(); ++i) text += (i ? ", " : "") + to_line(option.choices[i]);
    return text;
  }
  std::string text = std::string(type == "int" ? "integer" : "number") + (plural ? "s" : "");
  if (option.min && option.max) return text + " from " + bound(type, *option.min) + " to " + bound(type, *option.max);
  if (option.min) return text + " of at least " + bound(type, *option.min);
  if (option.max) return text + " of at most " + bound(type, *option.max);
  return text;
}

// Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours, each costing one.
size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

}  // namespace

bool known_option_type(const std::string& type) {
  return std::find(kTypes.begin(), kTypes.end(), element_type(type)) != kTypes.end() && type != "file[]";
}

OptionSchema OptionSchema::from_json(const Json& option) {
  auto refuse = [&](const std::string& text) { throw Error(ExitCode::bad_plugin, "option " + shown(option) + ": " + text); };
  auto text = [&](const char* field) {
    auto found = option.is_object() ? option.find(field) : option.end();
    if (!option.is_object() || found == option.end() || !found->is_string()) refuse(std::string("no ") + field);
    return found->get<std::string>();
  };
  OptionSchema schema;
  schema.name = text("name");
  schema.type = text("type");
  schema.doc = text("doc");
  schema.effect = text("effect");
  if (!known_option_type(schema.type)) refuse("unknown type " + schema.type);
  if (!option.contains("default")) refuse("no default");
  schema.default_value = option["default"];
  for (auto [field, member] : {std::pair{"min", &schema.min}, std::pair{"max", &schema.max}}) {
    if (!option.contains(field)) continue;
    if (!option[field].is_number()) refuse(std::string(field) + " is no number");
    *member = option[field].get<double>();
  }
  if (option.contains("choices")) {
    if (!option["choices"].is_array()) refuse("choices is no list");
    for (const auto& choice : option["choices"]) {
      if (!choice.is_string()) refuse("a choice is no string");
      schema.choices.push_back(choice.get<std::string>());
    }
  }
  return schema;
}

Json OptionSchema::to_json() const {
  Json json = {{"name", name}, {"type", type}, {"default", default_value}, {"doc", doc}, {"effect", effect}};
  if (min) json["min"] = *min;
  if (max) json["max"] = *max;
  if (!choices.empty()) json["choices"] = choices;
  return json;
}

bool OptionSchema::is_list() const { return names_list(type); }

std::string OptionSchema::expectation() const {
  auto element = element_type(type);
  return is_list() ? "list of " + element_expectation(*this, element, true) : element_expectation(*this, element, false);
}

std::optional<std::string> OptionSchema::check(const Json& value) const {
  auto element = element_type(type);
  bool fits = is_list() ? value.is_array() &&
                              std::all_of(value.begin(), value.end(), [&](const Json& item) { return element_fits(*this, element, item); })
                        : element_fits(*this, element, value);
  if (fits) return std::nullopt;
  std::string text = "found " + shown(value) + ", expected " + expectation();
  if (element == "choice" && value.is_string())
    if (auto meant = did_you_mean(value.get<std::string>(), choices)) text += "; did you mean " + to_line(*meant) + "?";
  return text;
}

Json OptionSchema::normalised(const Json& value) const {
  if (element_type(type) != "float") return value;
  if (!is_list()) return value.get<double>();
  Json list = Json::array();
  for (const auto& item : value) list.push_back(item.get<double>());
  return list;
}

std::string shown(const Json& value) { return shortened(to_line(value), 60); }

std::optional<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  // A third of the letters may be wrong, one in short words; a candidate of one letter is never meant.
  size_t limit = std::max<size_t>(1, word.size() / 3);
  std::optional<std::string> best;
  for (const auto& candidate : candidates) {
    if (candidate.size() < 2 || word.size() > 64) continue;
    size_t distance = edits(word, candidate);
    if (distance <= limit && (!best || distance < edits(word, *best))) best = candidate;
  }
  return best;
}

std::string meant(const std::optional<std::string>& near) { return near ? "; did you mean \"" + *near + "\"?" : ""; }

}  // namespace tessera
