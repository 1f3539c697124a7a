// Options as a manifest declares them: what plan, describe and the reference documents know of a plugin.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"

namespace tessera {

struct OptionSchema {
  std::string name, type, doc;  // type: bool int float string choice file, or one with "[]" behind it
  Json default_value;
  std::string effect;  // architecture | training | inference
  std::optional<double> min, max;
  std::vector<std::string> choices;

  // Throws Error(bad_plugin) where a field is missing or of the wrong type.
  static OptionSchema from_json(const Json& option);
  Json to_json() const;
  // Empty where the value fits; else the whole text "found …, expected …".
  std::optional<std::string> check(const Json& value) const;
  // A value that passed check(), in the form that enters keys: 4 for a float is 4.0.
  Json normalised(const Json& value) const;
  bool is_list() const;
  // "integer from 1 to 64", "one of \"a\", \"b\"", "list of numbers of at least 0" …
  std::string expectation() const;
};

bool known_option_type(const std::string& type);
// A value as errors show it: strings in quotes, long values cut.
std::string shown(const Json& value);
// The candidate nearest to the word by edits (transpositions count one), if it is near enough to be meant.
std::optional<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates);
// "; did you mean \"prior.width\"?", or nothing.
std::string meant(const std::optional<std::string>& near);

}  // namespace tessera
