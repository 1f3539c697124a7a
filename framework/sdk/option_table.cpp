#include <cmath>
#include <cstdio>

#include "tessera/options.hpp"

namespace tessera {

const char* to_string(Effect effect) {
  switch (effect) {
    case Effect::architecture: return "architecture";
    case Effect::training: return "training";
    default: return "inference";
  }
}

const OptionValue& OptionValues::at(const std::string& name) const {
  auto found = values_.find(name);
  if (found == values_.end()) throw std::out_of_range("no value for option '" + name + "'");
  return found->second;
}

// Owns the strings that one tessera_option points to.
struct OptionTable::Text {
  std::string name, type, doc, json;
  std::vector<std::string> choices;
  std::vector<const char*> choice_pointers;
};

namespace {

std::string json_of(bool value) { return value ? "true" : "false"; }
std::string json_of(int64_t value) { return std::to_string(value); }
std::string json_of(double value) {
  // The shortest text that reads back as the same number.
  char text[64];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::stod(text) == value) break;
  }
  std::string json = text;
  if (json.find_first_of(".en") == std::string::npos) json += ".0";
  return json;
}
std::string json_of(const std::string& value) {
  std::string json = "\"";
  for (unsigned char c : value) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += static_cast<char>(c);
    } else if (c < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      json += escape;
    } else {
      json += static_cast<char>(c);
    }
  }
  return json + '"';
}
template <class T>
std::string json_of(const std::vector<T>& values) {
  std::string json = "[";
  for (const auto& value : values) json += (json.size() > 1 ? "," : "") + json_of(static_cast<T>(value));
  return json + "]";
}

}  // namespace

std::string OptionTable::to_json(const OptionValue& value) {
  return std::visit([](const auto& v) { return json_of(v); }, value);
}

void OptionTable::add(const char* name, std::string type, const char* doc, std::string json, Effect effect, Constraint constraint) {
  auto text = std::make_shared<Text>();
  text->name = name;
  text->type = std::move(type);
  text->doc = doc;
  text->json = std::move(json);
  text->choices = std::move(constraint.choices);
  for (const auto& choice : text->choices) text->choice_pointers.push_back(choice.c_str());
  text->choice_pointers.push_back(nullptr);
  tessera_option option{};
  option.name = text->name.c_str();
  option.type = text->type.c_str();
  option.doc = text->doc.c_str();
  option.default_json = text->json.c_str();
  option.effect = to_string(effect);
  option.has_min = constraint.min.has_value();
  option.has_max = constraint.max.has_value();
  option.min = constraint.min.value_or(0);
  option.max = constraint.max.value_or(0);
  option.choices = text->choices.empty() ? nullptr : text->choice_pointers.data();
  texts_.push_back(std::move(text));
  table_.push_back(option);
}

}  // namespace tessera
