// Cells: one setting of all options, without its seed. Every way to vary an experiment is an axis; this is the one place
// where axes are multiplied and where layers become checked values.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiment/describe/declarations.hpp"
#include "experiment/describe/experiment_file.hpp"

namespace tessera {

struct Setting {
  Json value;                            // normalised: 4 for a float is 4.0
  std::string origin;                    // "quickstart.toml:14:9", "command line" or "default"
  const OptionSchema* schema = nullptr;  // null for selectors
  std::string owner;                     // "engine", or the kind whose plugin declares the option
  bool at_default() const { return schema && value == schema->normalised(schema->default_value); }
};

// An option that a change of plugin left without meaning.
struct Lapsed {
  std::string cell, key, origin, old_plugin, new_plugin;
};

struct Cell {
  std::string label;                                     // "masked", "masked, prior.layers=4"; the experiment's name where there is no axis
  std::string hash;                                      // of all values that differ from their defaults
  std::map<std::string, std::string> axes;               // axis -> point
  std::map<std::string, Setting> settings;               // all options, defaults filled in
  std::map<std::string, const PluginManifest*> plugins;  // kind -> manifest, data sources included
  std::vector<Lapsed> lapsed;
  std::vector<std::string> problems;  // where there are any, settings and plugins may be incomplete
  bool sound() const { return problems.empty(); }

  const Json& value(const std::string& key) const { return settings.at(key).value; }
  // "prior.width" -> settings["prior"]["width"].
  Json nested() const;
};

// Layers in, one cell out: plugins, options with defaults, references followed, values checked. `file` stands in errors without a place.
void resolve_cell(const std::vector<const Layer*>& layers, const std::string& file, const Declarations& declarations, Problems& problems,
                  Cell& cell);

// All cells, in the order of the axes; the first axis varies slowest. Problems of all cells are collected. Pointers into `declarations`
// stay in the cells.
std::vector<Cell> expand_cells(const Experiment& experiment, const Declarations& declarations, Problems& problems);

}  // namespace tessera
