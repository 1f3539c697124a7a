#include "experiment/plan/key_difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace tessera {
namespace {

struct Part {
  Json value;
  bool is_option = false, is_input = false, is_plugin = false;
};
using Parts = std::map<std::string, Part>;

void add_plugins(const Json& plugins, Parts& parts) {
  for (const auto& [kind, code] : plugins.items()) {
    const auto id = code.value("id", "");
    parts["plugin " + kind] = {id, false, false, true};
    // Named by the id: another plugin's revision is no difference of its own.
    for (const auto& [name, value] : code.items())
      if (name != "id") parts[fmt::format("{} of plugin {} {}", name == "sha256" ? "code" : name, kind, id)] = {value};
  }
}

Parts named(const Json& json) {
  Parts parts;
  for (const auto& [name, value] : json.items()) {
    if (name == "options") {
      for (const auto& [key, option] : value.items()) parts[key] = {option, true, false};
    } else if (name == "inputs") {
      for (const auto& [slot, key] : value.items()) parts["input " + slot] = {key, false, true};
    } else if (name == "plugins") {
      add_plugins(value, parts);
    } else if (name == "metrics") {
      for (const auto& metric : value) parts["revision of metric " + metric.value("id", "")] = {metric.value("revision", Json())};
    } else if (name == "numerics") {
      for (const auto& [key, of] : value.items()) parts["numerics." + key] = {of};
    } else if (name == "revision") {
      parts["revision of the engine's stage"] = {value};
    } else if (name == "fingerprint") {
      parts["fingerprint of the data"] = {value};
    } else {
      parts[name] = {value};
    }
  }
  return parts;
}

// "revision of plugin prior gpt" says nothing where the plugin is another one.
bool of_another_plugin(const std::string& what, const Parts& one, const Parts& other) {
  const auto at = what.find(" of plugin ");
  if (at == std::string::npos) return false;
  const auto rest = what.substr(at + std::string(" of plugin ").size());
  const auto plugin = "plugin " + rest.substr(0, rest.find(' '));
  const auto a = one.find(plugin), b = other.find(plugin);
  return a == one.end() || b == other.end() || a->second.value != b->second.value;
}

}  // namespace

std::vector<KeyDifference> key_differences(const Json& there, const Json& here) {
  const Parts one = named(there), other = named(here);
  std::vector<KeyDifference> differences;
  for (const auto& [what, part] : one) {
    const auto found = other.find(what);
    if (found != other.end() && found->second.value == part.value) continue;
    if (of_another_plugin(what, one, other)) continue;
    differences.push_back({what, part.value, found == other.end() ? std::nullopt : std::optional<Json>(found->second.value), part.is_option,
                           part.is_input, part.is_plugin});
  }
  for (const auto& [what, part] : other)
    if (!one.count(what) && !of_another_plugin(what, one, other))
      differences.push_back({what, std::nullopt, part.value, part.is_option, part.is_input, part.is_plugin});
  std::stable_sort(differences.begin(), differences.end(), [](const auto& a, const auto& b) { return a.is_input < b.is_input; });
  return differences;
}

}  // namespace tessera
