#include "experiment/describe/cell.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "experiment/describe/baselines.hpp"

namespace tessera {
namespace {

// Where images lie: like a file, relative to what names it, but read by its source alone.
constexpr const char* kDataPath = "data.path";

struct Split {
  std::string section, option;
};
Split split_key(const std::string& key) {
  const auto dot = key.rfind('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

const Selector* selector_of_key(const std::string& key) {
  for (const auto& selector : selectors())
    if (key == selector.key) return &selector;
  return nullptr;
}

const Selector* selector_of_section(const std::string& section) {
  for (const auto& selector : selectors())
    if (section == selector.section) return &selector;
  return nullptr;
}

std::string hint(const std::optional<std::string>& near) { return near ? fmt::format("; did you mean \"{}\"?", *near) : ""; }

std::string with_article(const std::string& noun) {
  return (std::string("aeiou").find(noun[0]) == std::string::npos ? "a " : "an ") + noun;
}

// "${prior.width}" -> "prior.width"; empty for any other value.
std::string reference(const Json& value) {
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() < 4 || text.compare(0, 2, "${") != 0 || text.back() != '}') return {};
  return text.substr(2, text.size() - 3);
}

// Layers in, one cell out.
class Resolver {
 public:
  Resolver(const Declarations& declarations, Problems& problems, Cell& cell)
      : declarations_(declarations), problems_(problems), cell_(cell) {}

  void resolve(const std::vector<const Layer*>& layers, const std::string& file) {
    for (const auto& selector : selectors())
      if (const auto id = declarations_.default_selection(selector); !id.empty()) select(selector, {selector.key, id, "default", file, {}});
    for (const auto* layer : layers) apply(*layer);
    require_plugins(file);
    bind();
    fill_defaults();
    for (auto& [key, setting] : cell_.settings) follow(key, setting);
    check_values();
  }

 private:
  void problem(const std::string& origin, const std::string& key, const std::string& text) { problems_.add(origin, key, text); }

  void apply(const Layer& layer) {
    // A layer's plugins come first: its other options are meant for them.
    for (const auto& entry : layer.entries)
      if (const auto* selector = selector_of_key(entry.key)) select(*selector, entry);
    for (const auto& entry : layer.entries)
      if (!selector_of_key(entry.key)) current_[entry.key] = entry, carried_.erase(entry.key);
  }

  void select(const Selector& selector, const Entry& entry) {
    const auto* old_plugin = cell_.plugins.count(selector.kind) ? cell_.plugins.at(selector.kind) : nullptr;
    const auto* plugin = find_plugin(selector, entry);
    if (!plugin) {  // nor is it the one of an earlier layer
      cell_.plugins.erase(selector.kind);
      cell_.settings[selector.key] = {entry.value, entry.origin, nullptr, "engine"};
      return;
    }
    if (old_plugin && old_plugin != plugin) lapse(selector, *old_plugin, *plugin, entry.origin);
    cell_.plugins[selector.kind] = plugin;
    cell_.settings[selector.key] = {entry.value, entry.origin, nullptr, "engine"};
  }

  const PluginManifest* find_plugin(const Selector& selector, const Entry& entry) {
    const auto ids = declarations_.ids(selector.kind);
    failed_selectors_.push_back(selector.key);
    if (!entry.value.is_string()) {
      problem(entry.origin, entry.key, fmt::format("found {}, expected the name of {}", shown(entry.value), with_article(selector.noun)));
      return nullptr;
    }
    const auto id = entry.value.get<std::string>();
    if (const auto* plugin = declarations_.plugin(selector.kind, id)) {
      failed_selectors_.pop_back();
      return plugin;
    }
    if (const auto reason = declarations_.refusal(id); !reason.empty())
      problem(entry.origin, entry.key, fmt::format("found {}, a library that was refused: {}", shown(entry.value), reason));
    else
      problem(entry.origin, entry.key,
              fmt::format("found {}, expected {}: {}{}", shown(entry.value), with_article(selector.noun),
                          ids.empty() ? "none is installed" : fmt::format("{}", fmt::join(ids, ", ")), hint(did_you_mean(id, ids))));
    return nullptr;
  }

  // Options of the old plugin carry over by name and type; the others lapse.
  void lapse(const Selector& selector, const PluginManifest& old_plugin, const PluginManifest& plugin, const std::string& origin) {
    for (auto it = current_.begin(); it != current_.end();) {
      const auto [section, name] = split_key(it->first);
      const auto* before = section == selector.section ? old_plugin.option(name) : nullptr;
      const auto* now = before ? plugin.option(name) : nullptr;
      if (!before || declarations_.section_option(section, name) || (now && now->type == before->type)) {
        if (now) carried_[it->first] = fmt::format("{} '{}' ({})", selector.noun, plugin.id, origin);
        ++it;
        continue;
      }
      cell_.lapsed.push_back({cell_.label, it->first, it->second.origin, old_plugin.id, plugin.id});
      it = current_.erase(it);
    }
  }

  void require_plugins(const std::string& file) {
    for (const auto& selector : selectors()) {
      if (cell_.plugins.count(selector.kind)) continue;
      if (std::find(failed_selectors_.begin(), failed_selectors_.end(), selector.key) != failed_selectors_.end()) continue;
      problem(
          file, selector.key,
          fmt::format("found nothing, expected {}: {}", with_article(selector.noun), fmt::join(declarations_.ids(selector.kind), ", ")));
    }
  }

  struct Declared {
    const OptionSchema* schema = nullptr;
    std::string owner;
  };
  Declared declared(const std::string& key) const {
    const auto [section, name] = split_key(key);
    if (const auto* schema = declarations_.section_option(section, name)) return {schema, "engine"};
    const auto* selector = selector_of_section(section);
    if (!selector || !cell_.plugins.count(selector->kind)) return {};
    return {cell_.plugins.at(selector->kind)->option(name), selector->kind};
  }

  void bind() {
    for (const auto& [key, entry] : current_) {
      const auto found = declared(key);
      if (found.schema)
        cell_.settings[key] = {entry.value, entry.origin, found.schema, found.owner};
      else
        unknown(key, entry);
      folders_[key] = entry.folder;
    }
  }

  void unknown(const std::string& key, const Entry& entry) {
    const auto section = split_key(key).section;
    const auto* selector = selector_of_section(section);
    // A plugin that was not found has been reported; what its options are cannot be said.
    if (selector && !cell_.plugins.count(selector->kind)) return;
    std::string expected = "a section that exists";
    if (selector)
      expected = fmt::format("an option of {} '{}'", selector->noun, cell_.plugins.at(selector->kind)->id);
    else if (declarations_.has_section(section))
      expected = fmt::format("an option of [{}]", section);
    auto near = near_key(key);
    const auto table = section.substr(0, section.find('.'));
    if (const auto meant = did_you_mean(table, {"grid", "zip", "arm", "ablate", "random", "exclude", "run"});
        meant && !selector && !section.empty() && *meant != table)
      near = *meant + key.substr(table.size());
    auto text = fmt::format("found an unknown key, expected {}{}", expected, hint(near));
    if (entry.varied && selector && !near)
      text += fmt::format(
          "; the plugin is set at {}: vary the key in [arm.<name>.grid] of the arms that have it, or leave these cells out by "
          "[[exclude]]",
          cell_.settings.at(selector->key).origin);
    problem(entry.key_origin, key, text);
  }

  // Of a section that exists the nearest option, else the nearest of all keys and of what stands at the top of a file.
  std::optional<std::string> near_key(const std::string& key) const {
    const auto [section, name] = split_key(key);
    auto keys = all_keys();
    std::vector<std::string> names;
    for (const auto& one : keys)
      if (split_key(one).section == section) names.push_back(split_key(one).option);
    if (const auto near = did_you_mean(name, names)) return section + "." + *near;
    if (!names.empty() && !section.empty()) return std::nullopt;
    if (section.empty()) keys.insert(keys.end(), {"question", "seeds", "baseline", "extends"});
    return did_you_mean(key, keys);
  }

  std::vector<std::string> all_keys() const {
    std::vector<std::string> keys;
    for (const auto& name : declarations_.section_names())
      for (const auto& option : declarations_.section(name)) keys.push_back(name + "." + option.name);
    for (const auto& selector : selectors()) {
      keys.emplace_back(selector.key);
      if (cell_.plugins.count(selector.kind))
        for (const auto& option : cell_.plugins.at(selector.kind)->options)
          keys.push_back(std::string(selector.section) + "." + option.name);
    }
    return keys;
  }

  void fill_defaults() {
    for (const auto& key : all_keys()) {
      if (cell_.settings.count(key)) continue;
      const auto found = declared(key);
      if (found.schema) cell_.settings[key] = {found.schema->default_value, "default", found.schema, found.owner};
    }
  }

  // Replaces "${key}" by that key's final value, through any number of steps.
  void follow(const std::string& key, Setting& setting) {
    std::vector<std::string> seen = {key};
    Json value = setting.value;
    for (auto target = reference(value); !target.empty(); target = reference(value)) {
      const auto found = cell_.settings.find(target);
      if (found == cell_.settings.end()) {
        std::vector<std::string> keys;
        for (const auto& one : cell_.settings) keys.push_back(one.first);
        problem(setting.origin, key,
                fmt::format("found a reference to '{}', expected a key that exists{}", target, hint(did_you_mean(target, keys))));
        failed_.push_back(key);
        return;
      }
      seen.push_back(target);
      if (std::count(seen.begin(), seen.end(), target) > 1) {
        problem(setting.origin, key, fmt::format("found references in a circle: {}", fmt::join(seen, " -> ")));
        failed_.push_back(key);
        return;
      }
      value = found->second.value;
    }
    setting.value = std::move(value);
  }

  void check_values() {
    for (auto& [key, setting] : cell_.settings) {
      if (!setting.schema || std::find(failed_.begin(), failed_.end(), key) != failed_.end()) continue;
      if (const auto error = setting.schema->check(setting.value)) {
        auto text = *error;
        if (const auto carried = carried_.find(key); carried != carried_.end()) text += "; carried over to " + carried->second;
        if (setting.schema->is_list() && !setting.schema->check(Json::array({setting.value}))) text += list_hint(key, setting);
        problem(setting.origin, key, text);
        continue;
      }
      setting.value = setting.schema->normalised(setting.value);
      if (setting.schema->type == "file" && setting.origin != "default") setting.value = absolute_file(key, setting);
      if (key == kDataPath && setting.origin != "default" && !setting.value.get_ref<const std::string&>().empty())
        setting.value = std::filesystem::absolute(folders_[key] / setting.value.get<std::string>()).lexically_normal().string();
    }
  }

  // On the command line commas make a grid, so that "a,b" are two values, not a list.
  std::string list_hint(const std::string& key, const Setting& setting) const {
    const auto entry = current_.find(key);
    if (entry != current_.end() && entry->second.varied && setting.origin == kCommandLine)
      return fmt::format("; commas make a grid, a list is {}='[{}, …]'", key, to_line(setting.value));
    return fmt::format("; a list is [{}]", to_line(setting.value));
  }

  // A file is named relative to the experiment file that names it.
  Json absolute_file(const std::string& key, const Setting& setting) {
    const auto text = setting.value.get<std::string>();
    if (text.empty()) return text;
    const auto path = std::filesystem::absolute(folders_[key] / text).lexically_normal();
    if (!std::filesystem::is_regular_file(path))
      problem(setting.origin, key, fmt::format("found \"{}\", expected a file that exists", path.string()));
    return path.string();
  }

  const Declarations& declarations_;
  Problems& problems_;
  Cell& cell_;
  std::map<std::string, Entry> current_;
  std::map<std::string, std::filesystem::path> folders_;
  std::map<std::string, std::string> carried_;  // key -> the plugin that it was not written for, and where that stands
  std::vector<std::string> failed_selectors_, failed_;
};

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

}  // namespace

Json Cell::nested() const {
  Json root = Json::object();
  for (const auto& [key, setting] : settings) {
    Json* node = &root;
    size_t begin = 0;
    for (size_t dot = key.find('.'); dot != std::string::npos; begin = dot + 1, dot = key.find('.', begin))
      node = &(*node)[key.substr(begin, dot - begin)];
    (*node)[key.substr(begin)] = setting.value;
  }
  return root;
}

namespace {

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

// An exclusion that leaves out no cell is a mistake, unless a word of the command line took away what it speaks of.
void check_exclusion(const Exclusion& exclusion, const std::vector<Seen>& seen, bool matched, Problems& problems) {
  bool each = true;
  for (size_t i = 0; i < seen.size(); ++i) {
    const auto& condition = exclusion.conditions[i];
    each = each && seen[i].holds;
    if (seen[i].values.empty()) {
      problems.add(condition.key_origin, condition.key, "found an unknown key, expected one of a cell, or an axis");
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
                               fmt::join(values, ", "), hint(near)));
    }
  }
  if (each && !matched && !exclusion.conditions[0].varied)
    problems.add(exclusion.conditions[0].key_origin, "exclude",
                 fmt::format("found no cell in which all {} of its values meet, expected at least one", seen.size()));
}

// The points of two cells where they differ, with their places: "b (e.toml:7:6)".
std::string difference(const std::vector<const AxisPoint*>& cell, const std::vector<const AxisPoint*>& other) {
  std::vector<std::string> places;
  for (size_t a = 0; a < cell.size(); ++a)
    if (cell[a] != other[a]) places.push_back(cell[a]->origin);
  return fmt::format("{}", fmt::join(places, ", "));
}

constexpr size_t kMostNamed = 12;  // cells in an error

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
  const auto some = [](std::vector<std::string> list) {
    if (list.size() > kMostNamed) list.resize(kMostNamed), list.emplace_back("…");
    return fmt::format("{}", fmt::join(list, "; "));
  };
  problems.add(experiment.baseline_origin, "baseline",
               own.empty() ? fmt::format("found {}, of which no cell is left, expected one of {}", shown(experiment.baseline), some(labels))
                           : fmt::format("found {}, which has no cell at the points of {}, expected one cell: {}",
                                         shown(experiment.baseline), some(unmatched), some(own)));
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
                  hint(near)));
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
  std::vector<size_t> at(experiment.axes.size(), 0);
  std::map<std::string, std::pair<std::string, std::vector<const AxisPoint*>>> labels;  // hash -> label, points
  std::vector<std::vector<Seen>> seen;                                                  // of each condition of each exclusion
  for (const auto& exclusion : experiment.exclusions) seen.emplace_back(exclusion.conditions.size());
  std::vector<bool> matched(experiment.exclusions.size(), false);
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
    Resolver(declarations, own, cell).resolve(layers, experiment.source);
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
        problems.add_line(
            fmt::format("{}: cells '{}' ({}) and '{}' ({}) are equal, expected a difference: remove one, or leave it out by "
                        "[[exclude]]",
                        experiment.source, same->second.first, difference(same->second.second, points), cell.label,
                        difference(points, same->second.second)));
    }
    // Count up, last axis fastest.
    more = false;
    for (size_t a = at.size(); a-- > 0 && !more;) {
      more = ++at[a] < experiment.axes[a].points.size();
      if (!more) at[a] = 0;
    }
  }
  for (size_t e = 0; e < seen.size(); ++e) check_exclusion(experiment.exclusions[e], seen[e], matched[e], problems);
  if (problems.empty()) check_baseline(experiment, cells, problems);  // else a cell may be missing for another reason
  if (cells.empty() && problems.empty())
    problems.add(experiment.exclusions[0].conditions[0].key_origin, "exclude",
                 fmt::format("found no cell that is left of {}, expected at least one", product));
  return cells;
}

}  // namespace tessera
