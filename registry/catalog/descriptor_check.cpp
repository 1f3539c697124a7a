#include "registry/catalog/descriptor_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "core/option_schema.hpp"
#include "tessera/fingerprint.h"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

constexpr size_t kMaxOptions = 256;
constexpr const char* kKinds[] = {KindTraits<Encoder>::name, KindTraits<Quantizer>::name, KindTraits<Prior>::name,
                                  KindTraits<SamplingStrategy>::name};
constexpr Effect kEffects[] = {Effect::architecture, Effect::training, Effect::inference};

std::string quoted(const char* text) { return text ? shown(Json(text)) : "none"; }

bool is_name(const char* text) {
  if (!text || !(*text >= 'a' && *text <= 'z')) return false;
  std::string_view name(text);
  return name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::map<std::string, std::string> lines_of(const std::string& fingerprint) {
  std::map<std::string, std::string> values;
  std::istringstream lines(fingerprint);
  for (std::string line; std::getline(lines, line);) values[line.substr(0, line.find('='))] = line;
  return values;
}

Json option_json(const tessera_option& option) {
  Json json = {{"name", option.name},
               {"type", option.type},
               {"default", *try_parse_json(option.default_json)},
               {"doc", option.doc},
               {"effect", option.effect}};
  if (option.has_min) json["min"] = option.min;
  if (option.has_max) json["max"] = option.max;
  for (auto choice = option.choices; choice && *choice; ++choice) json["choices"].push_back(*choice);
  return json;
}

// One option by itself; the text goes behind "option <name>: ".
std::optional<std::string> check_option(const tessera_option& option) {
  if (std::string_view(option.name) == "plugin") return "found a name that stands for the plugin itself, expected another";
  if (!option.type || !known_option_type(option.type))
    return "found the type " + quoted(option.type) + ", expected bool, int, float, string, choice, file, or a list such as int[]";
  if (!option.effect || std::none_of(std::begin(kEffects), std::end(kEffects),
                                     [&](Effect effect) { return std::string_view(option.effect) == to_string(effect); }))
    return "found the effect " + quoted(option.effect) + ", expected architecture, training or inference";
  if (!option.doc || !*option.doc) return "found no description, expected one sentence";
  if (std::string_view(option.type).substr(0, 6) == "choice" && (!option.choices || !*option.choices))
    return "found no choices, expected at least one";
  if (option.has_min && option.has_max && option.min > option.max)
    return fmt::format("found the range from {} to {}, expected one that holds a value", option.min, option.max);
  if (!option.default_json || !try_parse_json(option.default_json))
    return "found the default " + quoted(option.default_json) + ", expected JSON";
  auto schema = OptionSchema::from_json(option_json(option));
  if (auto wrong = schema.check(schema.default_value)) return "default: " + *wrong;
  return std::nullopt;
}

std::optional<std::string> check_options(const tessera_descriptor& descriptor) {
  if (descriptor.option_count > kMaxOptions)
    return fmt::format("found {} options, expected at most {}", descriptor.option_count, kMaxOptions);
  if (descriptor.option_count > 0 && !descriptor.options)
    return fmt::format("found no option table, expected one of {} options", descriptor.option_count);
  std::set<std::string> names;
  for (size_t i = 0; i < descriptor.option_count; ++i) {
    const auto& option = descriptor.options[i];
    if (!is_name(option.name)) return fmt::format("option {}: found the name {}, expected one in snake_case", i + 1, quoted(option.name));
    if (!names.insert(option.name).second) return fmt::format("found two options of the name {}, expected one", option.name);
    if (auto wrong = check_option(option)) return fmt::format("option {}: {}", option.name, *wrong);
  }
  return std::nullopt;
}

}  // namespace

std::string fingerprint_difference(const std::string& found, const std::string& expected) {
  auto theirs = lines_of(found), ours = lines_of(expected);
  std::set<std::string> names;
  for (const auto& values : {theirs, ours})
    for (const auto& value : values) names.insert(value.first);
  std::string text;
  for (const auto& name : names) {
    auto line = [&](const std::map<std::string, std::string>& values) { return values.count(name) ? values.at(name) : "no " + name; };
    if (line(theirs) != line(ours)) text += (text.empty() ? "found " : "; found ") + line(theirs) + ", expected " + line(ours);
  }
  return text;
}

std::optional<std::string> check_descriptors(const tessera_descriptor* descriptors, size_t count, const std::string& stem) {
  if (count != 1 || !descriptors) return fmt::format("found {} descriptors, expected one", descriptors ? count : 0);
  const auto& d = *descriptors;
  // The layout of the struct first: what follows is read by it.
  if (d.magic != TESSERA_MAGIC) return fmt::format("found the magic number {:#018x}, expected {:#018x}", d.magic, TESSERA_MAGIC);
  if (d.struct_size != sizeof d) return fmt::format("found a descriptor of {} bytes, expected {}", d.struct_size, sizeof d);
  if (d.abi != TESSERA_ABI) return fmt::format("found abi {}, expected {}", d.abi, TESSERA_ABI);
  if (!d.fingerprint) return "found no fingerprint, expected one";
  if (auto difference = fingerprint_difference(d.fingerprint, TESSERA_FINGERPRINT); !difference.empty())
    return "built against another Tessera: " + valid_utf8(difference);

  // Then who it is.
  if (!d.kind || std::none_of(std::begin(kKinds), std::end(kKinds), [&](const char* kind) { return std::string_view(d.kind) == kind; }))
    return "found the kind " + quoted(d.kind) + ", expected encoder, quantizer, prior or sampling";
  if (d.interface_revision != kInterfaceRevision)
    return fmt::format("found revision {} of the {} interface, expected {}", d.interface_revision, d.kind, kInterfaceRevision);
  if (!is_name(d.id)) return "found the id " + quoted(d.id) + ", expected one in snake_case";
  if (stem != d.id) return fmt::format("found the id '{}' in a file of the name '{}', expected one name", d.id, valid_utf8(stem));
  if (!d.version || !*d.version) return "found no version, expected one";
  if (!d.summary || !d.paper) return std::string("found no ") + (d.summary ? "paper" : "summary") + ", expected one (it may be empty)";
  if (!d.create) return "found no create function, expected one";
  return check_options(d);
}

Json manifest_of(const tessera_descriptor& d) {
  Json options = Json::array();
  for (size_t i = 0; i < d.option_count; ++i) options.push_back(option_json(d.options[i]));
  return {{"kind", d.kind},       {"id", d.id},       {"interface", d.interface_revision}, {"version", d.version}, {"revision", d.revision},
          {"summary", d.summary}, {"paper", d.paper}, {"fingerprint", d.fingerprint},      {"options", options}};
}

}  // namespace tessera
