#include "engine/option_values.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace tessera {

namespace {

template <class T>
OptionValue list_of(const Json& value) {
  return value.get<std::vector<T>>();
}

OptionValue typed(const std::string& type, const Json& value) {
  if (type == "bool") return value.get<bool>();
  if (type == "int") return value.get<int64_t>();
  if (type == "float") return value.get<double>();
  if (type == "bool[]") return list_of<bool>(value);
  if (type == "int[]") return list_of<int64_t>(value);
  if (type == "float[]") return list_of<double>(value);
  if (type == "string[]" || type == "choice[]" || type == "file[]") return list_of<std::string>(value);
  return value.get<std::string>();
}

}  // namespace

OptionValues option_values(const Json& options, const Json& section) {
  OptionValues values;
  for (const auto& option : options) {
    std::string name = option.at("name"), type = option.at("type");
    const Json& value = section.contains(name) && !section.at(name).is_null() ? section.at(name) : option.at("default");
    try {
      values.set(name, typed(type, value));
    } catch (const Json::exception&) {
      throw Error(ExitCode::bad_config, fmt::format("option '{}': found {}, expected {}", name, to_line(value), type));
    }
  }
  return values;
}

}  // namespace tessera
