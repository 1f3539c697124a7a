// Cells out of axes: their product, less the exclusions; no two alike, and one to measure from.
#include <fmt/format.h>

#include <algorithm>

#include "core/hash.hpp"
#include "core/option_schema.hpp"
#include "core/text.hpp"
#include "experiment/describe/baselines.hpp"
#include "experiment/describe/cell.hpp"

namespace tessera {
namespace {

std::string cell_hash(const Cell& cell) {
  Json values = Json::object();
  for (const auto& [key, setting] : cell.settings)
    if (!setting.at_default()) values[key] = setting.value;
  return sha256(canonical(values)).substr(0, 32);
}

std::string cell_label(const Experiment& experiment, const std::vector<const AxisPoint*>& points) {
  if (points.empty()) return experiment.name;
  std::vector<std::string> labels;
  for (const auto* point : points) labels.push_back(point->label);
  return fmt::format("{}", fmt::join(labels, ", "));
}

// What the cells have under the key of a condition.
struct Seen {
  std::vector<Json> values;  // different ones; none: no cell has the key
  bool holds = false;        // for some cell
  void add(const Json& value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
  }
};

// Whether a cell is one that the file leaves out. Cells with problems can be, too: that is what exclusions are for.
bool excluded(const Cell& cell, const Exclusion& exclusion, std::vector<Seen>& seen) {
  bool all = true;
  for (size_t i = 0; i < exclusion.conditions.size(); ++i) {
    const auto& condition = exclusion.conditions[i];
    bool holds = false;
    if (const auto axis = cell.axes.find(condition.key); axis != cell.axes.end()) {
      holds = condition.value == axis->second;
      if (!cell.settings.count(condition.key)) seen[i].add(axis->second);
    }
    if (const auto setting = cell.settings.find(condition.key); setting != cell.settings.end()) {
      const auto* schema = setting->second.schema;
      const auto comparable = [&](const Json& value) { return schema && !schema->check(value) ? schema->normalised(value) : value; };
      holds = holds || comparable(setting->second.value) == comparable(condition.value);
      seen[i].add(setting->second.value);
    }
    seen[i].holds = seen[i].holds || holds;
    all = all && holds;
  }
  return all;
}

// As the ledger and [[exclude]] name them, in the order of the file.
std::vector<std::string> axis_names(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& axis : experiment.axes)
    for (const auto& point : axis.points)
      for (const auto& [name, label] : point.axes)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

// An exclusion that leaves out no cell is a mistake, unless a word of the command line took away what it speaks of.
void check_exclusion(const Experiment& experiment, const Exclusion& exclusion, const std::vector<Seen>& seen,
                     const std::vector<Cell>& cells, bool matched, Problems& problems) {
  bool each = true;
  for (size_t i = 0; i < seen.size(); ++i) {
    const auto& condition = exclusion.conditions[i];
    each = each && seen[i].holds;
    if (seen[i].values.empty()) {
      const auto axes = axis_names(experiment);
      auto known = axes;
      if (!cells.empty())
        for (const auto& setting : cells[0].settings) known.push_back(setting.first);
      problems.add(condition.key_origin, condition.key,
                   fmt::format("found an unknown key, expected one of a cell, or {}{}",
                               axes.empty() ? "an axis" : fmt::format("an axis: {}", fmt::join(axes, ", ")),
                               meant(did_you_mean(condition.key, known))));
    } else if (!seen[i].holds && !condition.varied) {
      std::vector<std::string> values, names;
      for (const auto& value : seen[i].values) {
        values.push_back(shown(value));
        if (value.is_string()) names.push_back(value);
      }
      constexpr size_t kMostShown = 12;
      if (values.size() > kMostShown) values.resize(kMostShown), values.emplace_back("…");
      const auto near = condition.value.is_string() ? did_you_mean(condition.value, names) : std::nullopt;
      problems.add(condition.origin, condition.key,
                   fmt::format("found {}, which no cell has, expected {}{}{}", shown(condition.value), values.size() > 1 ? "one of " : "",
                               fmt::join(values, ", "), meant(near)));
    }
  }
  if (each && !matched && !exclusion.conditions[0].varied)
    problems.add(exclusion.conditions[0].key_origin, "exclude",
                 fmt::format("found no cell in which all {} of its values meet, expected at least one", seen.size()));
}

// Where the points of a cell stand that the other does not have: " (e.toml:7:6)".
std::string difference(const std::vector<const AxisPoint*>& cell, const std::vector<const AxisPoint*>& other) {
  std::vector<std::string> places;
  for (size_t a = 0; a < cell.size(); ++a)
    if (cell[a] != other[a] && !cell[a]->origin.empty()) places.push_back(cell[a]->origin);
  return places.empty() ? "" : fmt::format(" ({})", fmt::join(places, ", "));
}

// Pairs of equal cells: of those that differ in the same points of the file the first, and how many there are.
class EqualCells {
 public:
  void add(const std::string& first, const std::string& first_places, const std::string& second, const std::string& second_places) {
    for (auto& pair : pairs_)
      if (pair.first_places == first_places && pair.second_places == second_places) return void(++pair.others);
    pairs_.push_back({first, first_places, second, second_places});
  }
  void tell(const std::string& source, Problems& problems) const {
    for (const auto& pair : pairs_)
      problems.add_line(fmt::format(
          "{}: cells '{}'{} and '{}'{} are equal{}, expected a difference: remove one, or leave it out by [[exclude]]", source, pair.first,
          pair.first_places, pair.second, pair.second_places,
          pair.others > 0
              ? fmt::format(", and so {} {} other pair{}", pair.others == 1 ? "is" : "are", pair.others, pair.others == 1 ? "" : "s")
              : ""));
  }

 private:
  struct Pair {
    std::string first, first_places, second, second_places;
    size_t others = 0;
  };
  std::vector<Pair> pairs_;
};

// An arm with a grid of its own is no baseline of other arms: they have no cell at the same points.
void check_matches(const Experiment& experiment, const std::vector<std::string>& labels, Problems& problems) {
  const auto baselines = baselines_of(labels, experiment.baseline);
  bool compared = false;
  std::vector<std::string> unmatched, own;
  for (size_t i = 0; i < labels.size(); ++i) {
    compared = compared || (baselines[i] != i && baselines[i] != kNoCell);
    if (baselines[i] == kNoCell) unmatched.push_back(labels[i]);
    if (baselines[i] == i) own.push_back(labels[i]);
  }
  if (compared || unmatched.empty()) return;
  problems.add(experiment.baseline_origin, "baseline",
               own.empty()
                   ? fmt::format("found {}, of which no cell is left, expected one of {}", shown(experiment.baseline), some_of(labels))
                   : fmt::format("found {}, which has no cell at the points of {}, expected one cell: {}", shown(experiment.baseline),
                                 some_of(unmatched), some_of(own)));
}

// An arm, or the label of a cell, without its last axes if need be: "unchanged" of "unchanged, prior.layers=4".
void check_baseline(const Experiment& experiment, const std::vector<Cell>& cells, Problems& problems) {
  std::vector<std::string> arms, labels;
  for (const auto& axis : experiment.axes)
    for (const auto& point : axis.points)
      if (const auto arm = point.axes.find("arm"); arm != point.axes.end() && (arms.empty() || arms.back() != arm->second))
        arms.push_back(arm->second);
  for (const auto& cell : cells) labels.push_back(cell.label);
  const auto has = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), experiment.baseline) != list.end();
  };
  if (experiment.baseline.empty()) return;
  const bool begins_a_label =
      std::any_of(labels.begin(), labels.end(), [&](const std::string& label) { return label.rfind(experiment.baseline + ", ", 0) == 0; });
  if (has(arms) || begins_a_label) return check_matches(experiment, labels, problems);
  if (has(labels) && !experiment.axes.empty()) return;
  const auto& expected = arms.empty() ? labels : arms;
  const auto near = did_you_mean(experiment.baseline, expected);
  std::vector<std::string> some;
  for (const auto& label : expected)
    if (some.size() < kMostNamed) some.push_back(shown(label));
  if (expected.size() > kMostNamed) some.emplace_back("…");
  problems.add(
      experiment.baseline_origin, "baseline",
      fmt::format("found {}, expected {}{}", shown(experiment.baseline),
                  experiment.axes.empty() ? "no baseline in a file without arms"
                                          : fmt::format("{}: {}", arms.empty() ? "a cell, or what labels of cells begin with" : "an arm",
                                                        fmt::join(some, ", ")),
                  meant(near)));
}

// A misspelt [arms.causal] would be an arm less, without a word.
void check_empty_tables(const Experiment& experiment, const Declarations& declarations, Problems& problems) {
  auto sections = declarations.section_names();
  for (const auto& selector : selectors()) sections.emplace_back(selector.section);
  for (const auto& table : experiment.empty_tables) {
    const bool known = std::any_of(sections.begin(), sections.end(), [&](const std::string& section) {
      return section == table.key || section.rfind(table.key + ".", 0) == 0;
    });
    if (known) continue;
    auto near = did_you_mean(table.key, sections);
    const auto word = head(table.key);
    if (const auto meant = did_you_mean(word, {"grid", "zip", "arm", "ablate", "random", "exclude", "run"}))
      near = *meant + table.key.substr(word.size());
    problems.add(table.key_origin, table.key,
                 fmt::format("found an unknown section, with nothing in it, expected a section that exists{}", meant(near)));
  }
}

}  // namespace

std::vector<Cell> expand_cells(const Experiment& experiment, const Declarations& declarations, Problems& problems) {
  std::vector<Cell> cells;
  constexpr size_t kMostCells = 20'000;
  size_t product = 1;
  for (const auto& axis : experiment.axes) product = std::min(product * std::max<size_t>(1, axis.points.size()), 100 * kMostCells);
  if (product > kMostCells) {
    problems.add_line(fmt::format("{}: found {}{} cells, expected at most {}: draw some of them by [random]", experiment.source,
                                  product == 100 * kMostCells ? "more than " : "", product, kMostCells));
    return cells;
  }
  check_empty_tables(experiment, declarations, problems);
  std::vector<size_t> at(experiment.axes.size(), 0);
  std::map<std::string, std::pair<std::string, std::vector<const AxisPoint*>>> labels;  // hash -> label, points
  std::vector<std::vector<Seen>> seen;                                                  // of each condition of each exclusion
  for (const auto& exclusion : experiment.exclusions) seen.emplace_back(exclusion.conditions.size());
  std::vector<bool> matched(experiment.exclusions.size(), false);
  EqualCells equal;
  for (bool more = true; more;) {
    std::vector<const Layer*> layers;
    std::vector<const AxisPoint*> points;
    Cell cell;
    for (const auto& layer : experiment.layers) layers.push_back(&layer);
    for (size_t a = 0; a < at.size(); ++a) {
      const auto& point = experiment.axes[a].points[at[a]];
      layers.push_back(&point.layer);
      points.push_back(&point);
      cell.axes.insert(point.axes.begin(), point.axes.end());
    }
    cell.label = cell_label(experiment, points);
    Problems own;
    resolve_cell(layers, experiment.source, declarations, own, cell);
    cell.problems = own.lines();
    bool left_out = false;
    for (size_t e = 0; e < experiment.exclusions.size(); ++e)
      if (excluded(cell, experiment.exclusions[e], seen[e])) left_out = matched[e] = true;
    if (!left_out)
      for (const auto& line : own.lines()) problems.add_line(line);
    if (!cell.sound() && !left_out) {
      cells.push_back(std::move(cell));
    } else if (!left_out) {
      cell.hash = cell_hash(cell);
      const auto [same, fresh] = labels.emplace(cell.hash, std::pair(cell.label, points));
      if (fresh)
        cells.push_back(std::move(cell));
      else
        equal.add(same->second.first, difference(same->second.second, points), cell.label, difference(points, same->second.second));
    }
    // Count up, last axis fastest.
    more = false;
    for (size_t a = at.size(); a-- > 0 && !more;) {
      more = ++at[a] < experiment.axes[a].points.size();
      if (!more) at[a] = 0;
    }
  }
  equal.tell(experiment.source, problems);
  for (size_t e = 0; e < seen.size(); ++e) check_exclusion(experiment, experiment.exclusions[e], seen[e], cells, matched[e], problems);
  if (problems.empty()) check_baseline(experiment, cells, problems);  // else a cell may be missing for another reason
  if (cells.empty() && problems.empty())
    problems.add(experiment.exclusions[0].conditions[0].key_origin, "exclude",
                 fmt::format("found no cell that is left of {}, expected at least one", product));
  return cells;
}

}  // namespace tessera
