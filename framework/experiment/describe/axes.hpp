// The ways to vary an experiment: arms, grids, zips, ablations, random search. Each becomes an axis, a list of points that set some
// keys; cells are the product of the axes, less the exclusions.
//
//   [arm.masked]              one point of the axis "arm", and the whole of it where the arm has no grid of its own
//   [arm.masked.grid]         multiplies this arm alone
//   [grid]  key = [a, b]      one axis a key
//   [zip.size]                one axis: its lists have equal lengths and move together
//   [ablate.no_revival]       one axis of all ablations: nothing changed, then each factor alone
//   [random]  cap = 20        one axis of at most `cap` points: key = {min, max, log} or {values}; `seed` draws others. A larger cap
//                             keeps the points of a smaller one (Bergstra and Bengio 2012).
//   [[exclude]]               cells where all of its keys have these values are left out; `arm` and other axes count as keys
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiment/describe/experiment_file.hpp"

namespace tessera {

class AxisReader {
 public:
  explicit AxisReader(Problems& problems) : problems_(problems) {}

  // Words at the top of a file that are read here.
  static bool reads(const std::string& word);
  void read(const Entry& entry);
  // All axes, arms first, then in the order of the file. Checks what only the whole can tell: lengths of zips, keys of two axes.
  std::vector<Axis> finish(const std::string& experiment);
  std::vector<Exclusion> exclusions() { return std::move(exclusions_); }
  std::vector<std::string> notes() { return std::move(notes_); }

 private:
  struct Range {
    std::string key;
    std::map<std::string, Entry> parts;  // min, max, log, values
  };

  void read_arm(const Entry& entry);
  void read_list(const Entry& entry, const std::string& key, Axis& axis, const std::string& layer_name);
  void read_zip(const Entry& entry);
  void read_ablation(const Entry& entry);
  bool is_name(const Entry& entry, const std::string& name);
  bool is_option(const Entry& entry, const std::string& key, const std::string& table);
  void read_random(const Entry& entry);
  void read_exclusion(const Entry& entry);
  bool is_list(const Entry& entry);
  Axis& axis(std::vector<Axis>& axes, const std::string& name);
  void multiply_arms();
  void join_zips();
  void draw_points(const std::string& experiment);
  std::vector<Entry> draw(const std::string& stream);
  bool check_range(const Range& range);
  void check_axes();
  void problem(const Entry& entry, const std::string& text) { problems_.add(entry.origin, entry.key, text); }

  Problems& problems_;
  std::vector<Axis> axes_;
  std::map<std::string, std::vector<Axis>> grids_of_arms_;
  std::map<std::string, std::vector<Entry>> zips_;
  std::map<std::string, Entry> empty_zips_;  // tables of which no list was seen
  std::set<std::string> refused_names_, refused_keys_;
  std::vector<Range> ranges_;
  int64_t cap_ = 0, random_seed_ = 0;
  std::optional<Entry> random_;  // what of [random] came first
  bool capped_ = false;          // a cap is given, be it a wrong one
  std::string cap_origin_;
  std::vector<Exclusion> exclusions_;
  std::vector<std::string> notes_;
};

}  // namespace tessera
