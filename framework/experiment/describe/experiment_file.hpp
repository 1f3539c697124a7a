// An experiment file, read: its layers in order and its axes, nothing checked yet against declarations.
//
// Layers: extended files, in order and depth first < the file < the command line < points of the axes. A later layer wins.
// An extended file is plain: settings and further extends. `~key` on the command line removes a key, and all beneath it,
// from the file; `key=a,b` makes an axis. What axes there are: axes.hpp.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "experiment/describe/run_policy.hpp"

namespace tessera {

// The origin of what was said there.
inline constexpr const char* kCommandLine = "command line";

// One assignment with its place.
struct Entry {
  std::string key;  // "prior.train.steps"
  Json value;
  std::string origin;                          // of the value: "quickstart.toml:14:9" or "command line"
  std::string key_origin;                      // of the key
  std::filesystem::path folder;                // what a relative path in the value is relative to
  bool varied = false;                         // by a grid, zip, ablation or random search
  std::vector<std::string> item_origins = {};  // of a list in a file: where each of its elements stands
};

struct Layer {
  std::string name;  // the file as named, "command line", or an axis point "arm.masked"
  std::vector<Entry> entries;
};

struct AxisPoint {
  std::string label;  // "masked", "prior.layers=4", "masked, sampling.steps=8"
  Layer layer;
  std::map<std::string, std::string> axes;  // what the ledger says of it: axis -> label; an arm's own grid adds axes
  std::string origin;                       // where it stands; empty for "unchanged", which stands nowhere
};

struct Axis {
  std::string name;  // "arm", "ablate", "random", a zip's name, or the key of a grid
  std::vector<AxisPoint> points;
};

// Cells where all of these hold are left out. Keys: of settings, or names of axes.
struct Exclusion {
  std::string number;  // of the [[exclude]], from "0"
  std::vector<Entry> conditions;
};

struct Experiment {
  std::string name;  // path below experiments/, without its ending
  std::string question, source, baseline, baseline_origin;
  std::vector<int64_t> seeds = {0};
  std::vector<Layer> layers;
  std::vector<Entry> empty_tables;  // "[prior.train]" with nothing in it: sets nothing, and may be misspelt
  std::vector<Axis> axes;           // arms first, then in the order of the file
  std::vector<Exclusion> exclusions;
  RunPolicy run;                   // [run]: how, not what
  std::vector<std::string> notes;  // "origin: key: …": no error, and worth knowing before it runs
};

// A key up to its first dot, and what is behind it; the latter is empty where there is none.
std::string head(const std::string& key);
std::string tail(const std::string& key);

// Words at the top of a file that are no settings: axes, and what holds for the whole experiment.
bool is_reserved(const std::string& word);

// Collects errors of meaning, so that all of them are shown at once.
class Problems {
 public:
  // "origin: key: text"; said once, however many cells share it.
  void add(const std::string& origin, const std::string& key, const std::string& text);
  void add_line(const std::string& line);
  bool empty() const { return lines_.empty(); }
  const std::vector<std::string>& lines() const { return lines_; }
  // Throws Error(bad_config) with all lines where there is one.
  void raise() const;

 private:
  std::vector<std::string> lines_;
};

// Reads the file, what it extends, and the words of the command line (key=value, key=a,b, ~key).
// Throws Error(bad_config) with every problem, one a line.
Experiment read_experiment(const std::filesystem::path& path, const std::vector<std::string>& words);

// "quickstart" for experiments/quickstart.toml, "sizes/width" for …/experiments/sizes/width.toml, "halton_order" for
// …/experiments/halton_order/experiment.toml, else the file's stem.
std::string experiment_name(const std::filesystem::path& path);

}  // namespace tessera
