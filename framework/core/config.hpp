// Experiment files: TOML (toml++) flattened to dotted keys with their positions, in file order. Size, nesting and key depth are
// bounded by a scan before the parser sees the text: toml++ 3.3 overflows its stack on some 29,000 dotted segments.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"

namespace tessera {

struct ConfigEntry {
  std::string key;                        // "prior.train.steps"; elements of an array of tables: "exclude.0.arm"
  Json value;                             // bool, integer, double, string, array of these; {} for an empty table such as [arm.causal]
  std::string origin;                     // "quickstart.toml:14:9", where the value stands
  std::string key_origin;                 // where the key (its last segment) stands
  bool listed = false;                    // of an array of tables: [[exclude]]
  std::vector<std::string> item_origins;  // of a list: where each of its elements stands
};

struct ConfigFile {
  std::string name;  // as origins show it
  std::vector<ConfigEntry> entries;
};

inline constexpr size_t kMaxConfigBytes = 1 << 20;
inline constexpr size_t kMaxConfigDepth = 32;  // brackets, and segments of one key

// `name` stands in origins and errors. Throws Error(bad_config) "<name>:<line>:<column>: …".
ConfigFile parse_config(std::string_view text, const std::string& name);
// The name is the path as given.
ConfigFile read_config(const std::filesystem::path& path);
// One value as TOML spells it, for key=value on the command line; a bare word that is no TOML value is a string.
Json parse_config_value(const std::string& text, const std::string& origin);

}  // namespace tessera
