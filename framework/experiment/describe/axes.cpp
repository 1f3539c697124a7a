#include "experiment/describe/axes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/hash.hpp"
#include "core/option_schema.hpp"
#include "experiment/describe/declarations.hpp"

namespace tessera {
namespace {

constexpr int64_t kMostPoints = 10000;

bool is_table(const Entry& entry) { return entry.value.is_object() || entry.value.is_null(); }

// Labels stand in tables.
bool one_line(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

std::string label_of(const std::string& key, const Json& value) {
  const bool plain = value.is_string() && one_line(value.get<std::string>());
  return fmt::format("{}={}", key, plain ? value.get<std::string>() : canonical(value));
}

std::string label_of(const std::vector<Entry>& entries) {
  std::vector<std::string> labels;
  for (const auto& entry : entries) labels.push_back(label_of(entry.key, entry.value));
  return fmt::format("{}", fmt::join(labels, ", "));
}

// What keys of options begin with: sections of plugins, and those of the engine alone.
bool is_section(const std::string& word) {
  return word == "numerics" || word == "evaluate" ||
         std::any_of(selectors().begin(), selectors().end(), [&](const Selector& one) { return word == head(one.section); });
}

Entry varied(const Entry& entry, const std::string& key, const Json& value) {
  Entry one{key, value, entry.origin, entry.key_origin, entry.folder};
  one.varied = true;
  return one;
}

// An element of a list, with its own place where the list stands in a file.
Entry varied_item(const Entry& list, const std::string& key, size_t i) {
  auto one = varied(list, key, list.value[i]);
  if (i < list.item_origins.size()) one.origin = list.item_origins[i];
  return one;
}

// In [0, 1), from the stream's name alone.
double uniform(const std::string& stream) { return static_cast<double>(std::stoull(sha256(stream).substr(0, 13), nullptr, 16)) / 0x1p52; }

// Four digits: what a table shows and a hand can type again.
double rounded(double value) { return std::stod(fmt::format("{:.4g}", value)); }

}  // namespace

bool AxisReader::reads(const std::string& word) {
  static const std::set<std::string> words = {"arm", "grid", "zip", "ablate", "random", "exclude"};
  return words.count(word) != 0;
}

void AxisReader::read(const Entry& entry) {
  const auto word = head(entry.key);
  if (word == "arm") return read_arm(entry);
  if (word == "zip") return read_zip(entry);
  if (word == "ablate") return read_ablation(entry);
  if (word == "random") return read_random(entry);
  if (word == "exclude") return read_exclusion(entry);
  if (is_table(entry)) return;
  const auto key = tail(entry.key);
  if (key.empty()) return problem(entry, fmt::format("found {}, expected a table [grid]", shown(entry.value)));
  if (is_option(entry, key, word)) read_list(entry, key, axis(axes_, key), "the grid");
}

void AxisReader::read_arm(const Entry& entry) {
  const auto rest = tail(entry.key);
  if (rest.empty()) {
    if (!is_table(entry)) problem(entry, fmt::format("found {}, expected tables [arm.<name>]", shown(entry.value)));
    return;
  }
  const auto name = head(rest), key = tail(rest);
  if (key.empty() && !is_table(entry)) return problem(entry, fmt::format("found {}, expected a table [arm.{}]", shown(entry.value), name));
  if (!is_name(entry, name)) return;
  auto& points = axis(axes_, "arm").points;
  auto arm = std::find_if(points.begin(), points.end(), [&](const AxisPoint& p) { return p.label == name; });
  if (arm == points.end()) arm = points.insert(arm, {name, {"arm." + name, {}}, {{"arm", name}}, entry.key_origin});
  if (is_table(entry)) return;
  if (head(key) == "grid") {
    if (tail(key).empty()) return problem(entry, fmt::format("found {}, expected a table [arm.{}.grid]", shown(entry.value), name));
    if (!is_option(entry, tail(key), "arm." + name + ".grid")) return;
    return read_list(entry, tail(key), axis(grids_of_arms_[name], tail(key)), fmt::format("arm.{}.grid", name));
  }
  if (!is_option(entry, key, "arm." + name)) return;
  arm->layer.entries.push_back({key, entry.value, entry.origin, entry.key_origin, entry.folder});
}

// Said once a name, however many keys it has.
bool AxisReader::is_name(const Entry& entry, const std::string& name) {
  if (name.find_first_not_of(' ') != std::string::npos && one_line(name)) return true;
  const auto word = head(entry.key);
  if (refused_names_.insert(word + "." + name).second)
    problems_.add(entry.key_origin, word, fmt::format("found the name {}, expected printable text in one line", shown(Json(name))));
  return false;
}

// An option's key begins with a section: "prior.layers" in [zip] itself reads as the key "layers" of a zip "prior". What is said once for
// all cells is no option.
bool AxisReader::is_option(const Entry& entry, const std::string& key, const std::string& table) {
  std::string text;
  if (is_section(tail(table)) && !is_section(head(key)) && !is_reserved(head(key)))
    text = fmt::format("found no name before the option, expected it in a table [{}.<name>]", head(table));
  else if (is_reserved(head(key)))
    text = fmt::format("found '{}' in [{}], expected an option{}", head(key), table,
                       reads(head(key)) ? "" : ": it is said once for all cells, at the top of the file");
  else
    return true;
  if (refused_keys_.insert(table + "." + key).second) problems_.add(entry.key_origin, entry.key, text);
  return false;
}

bool AxisReader::is_list(const Entry& entry) {
  if (entry.value.is_array() && !entry.value.empty()) return true;
  problem(entry, fmt::format("found {}, expected a list of values", shown(entry.value)));
  return false;
}

void AxisReader::read_list(const Entry& entry, const std::string& key, Axis& axis, const std::string& layer_name) {
  if (!is_list(entry)) return;
  for (size_t i = 0; i < entry.value.size(); ++i) {
    const auto item = varied_item(entry, key, i);
    const auto before = entry.value.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(entry.value.begin(), before, item.value) != before) {
      problems_.add(item.origin, entry.key, fmt::format("found {} twice, expected different values", shown(item.value)));
      continue;
    }
    const auto label = label_of(key, item.value);
    axis.points.push_back({label, {layer_name, {item}}, {{key, label}}, item.origin});
  }
}

void AxisReader::read_zip(const Entry& entry) {
  const auto name = head(tail(entry.key)), key = tail(tail(entry.key));
  if (is_table(entry)) {
    if (key.empty() && !name.empty() && !zips_.count(name)) empty_zips_[name] = entry;
    return;
  }
  if (key.empty()) return problem(entry, fmt::format("found {}, expected tables [zip.<name>] of lists", shown(entry.value)));
  empty_zips_.erase(name);
  if (!is_name(entry, name) || !is_option(entry, key, "zip." + name)) return;
  if (reads(name))
    return problems_.add(entry.key_origin, entry.key,
                         fmt::format("found a zip of the name '{}', which another axis has, expected another", name));
  axis(axes_, name);  // its place among the axes
  if (!is_list(entry)) return;
  zips_[name].push_back(varied(entry, key, entry.value));
  zips_[name].back().item_origins = entry.item_origins;
}

void AxisReader::read_ablation(const Entry& entry) {
  const auto name = head(tail(entry.key)), key = tail(tail(entry.key));
  if (name.empty() || (key.empty() && !is_table(entry)))
    return is_table(entry) ? void() : problem(entry, fmt::format("found {}, expected tables [ablate.<name>]", shown(entry.value)));
  if (!is_name(entry, name) || !(is_table(entry) || is_option(entry, key, "ablate." + name))) return;
  if (name == "unchanged") {
    if (refused_names_.insert("ablate.unchanged").second)
      problems_.add(entry.key_origin, "ablate.unchanged", "found the name of the cell in which nothing is ablated, expected another");
    return;
  }
  auto& points = axis(axes_, "ablate").points;
  if (points.empty()) points.push_back({"unchanged", {"ablate", {}}, {{"ablate", "unchanged"}}, ""});
  auto point = std::find_if(points.begin(), points.end(), [&](const AxisPoint& p) { return p.label == name; });
  if (point == points.end()) point = points.insert(point, {name, {"ablate." + name, {}}, {{"ablate", name}}, entry.key_origin});
  if (!is_table(entry)) point->layer.entries.push_back(varied(entry, key, entry.value));
}

void AxisReader::read_random(const Entry& entry) {
  const auto rest = tail(entry.key);
  if (rest.empty() && is_table(entry)) return;
  axis(axes_, "random");
  if (!random_) random_ = entry;
  capped_ = capped_ || rest == "cap";
  if (rest == "cap" || rest == "seed") {
    const int64_t least = rest == "cap" ? 1 : 0;
    const bool fits = entry.value.is_number_integer() && entry.value >= least && entry.value <= kMostPoints;
    if (!fits) return problem(entry, fmt::format("found {}, expected integer from {} to {}", shown(entry.value), least, kMostPoints));
    (rest == "cap" ? cap_ : random_seed_) = entry.value;
    if (rest == "cap") cap_origin_ = entry.origin;
    return;
  }
  const auto dot = rest.rfind('.');
  const auto part = dot == std::string::npos ? std::string() : rest.substr(dot + 1);
  if (part != "min" && part != "max" && part != "log" && part != "values")
    return problem(entry, fmt::format("found {}, expected {{min, max}}, {{min, max, log}} or {{values}}", shown(entry.value)));
  const auto key = rest.substr(0, dot);
  if (!is_option(entry, key, "random")) return;
  auto range = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& r) { return r.key == key; });
  if (range == ranges_.end()) range = ranges_.insert(range, {key, {}});
  range->parts[part] = entry;
}

void AxisReader::read_exclusion(const Entry& entry) {
  const auto rest = tail(entry.key);  // "0.prior.layers"
  const auto number = head(rest), key = tail(rest);
  if (key.empty() || number.find_first_not_of("0123456789") != std::string::npos)
    return problem(entry, fmt::format("found {}, expected [[exclude]] with keys and values", shown(entry.value)));
  auto exclusion = std::find_if(exclusions_.begin(), exclusions_.end(), [&](const Exclusion& e) { return e.number == number; });
  if (exclusion == exclusions_.end()) exclusion = exclusions_.insert(exclusion, {number, {}});
  exclusion->conditions.push_back({key, entry.value, entry.origin, entry.key_origin, entry.folder});
}

Axis& AxisReader::axis(std::vector<Axis>& axes, const std::string& name) {
  auto found = std::find_if(axes.begin(), axes.end(), [&](const Axis& a) { return a.name == name; });
  return found == axes.end() ? *axes.insert(found, Axis{name, {}}) : *found;
}

// An arm with a grid of its own becomes a point for each combination.
void AxisReader::multiply_arms() {
  for (auto& axis : axes_) {
    if (axis.name != "arm") continue;
    std::vector<AxisPoint> all;
    for (const auto& arm : axis.points) {
      std::vector<AxisPoint> points = {arm};
      for (const auto& grid : grids_of_arms_[arm.label]) {
        for (const auto& entry : arm.layer.entries)
          if (entry.key == grid.name && !grid.points.empty())
            problems_.add(entry.key_origin, entry.key,
                          fmt::format("found in arm.{0} and in arm.{0}.grid ({1}), expected in one of them", arm.label,
                                      grid.points[0].layer.entries[0].key_origin));
        std::vector<AxisPoint> next;
        for (const auto& point : points)
          for (const auto& value : grid.points) {
            next.push_back(point);
            next.back().label += ", " + value.label;
            next.back().layer.entries.push_back(value.layer.entries[0]);
            next.back().axes.insert(value.axes.begin(), value.axes.end());
          }
        points = std::move(next);
      }
      all.insert(all.end(), points.begin(), points.end());
    }
    axis.points = std::move(all);
  }
}

void AxisReader::join_zips() {
  for (const auto& [name, entry] : empty_zips_)
    problems_.add(entry.key_origin, entry.key, "found no list, expected lists of equal lengths");
  for (const auto& [name, lists] : zips_) {
    const auto& first = lists[0];
    bool equal = true;
    for (const auto& list : lists)
      if (list.value.size() != first.value.size()) {
        problem(list, fmt::format("found {} values, expected {} as {} has ({})", list.value.size(), first.value.size(), first.key,
                                  first.key_origin));
        equal = false;
      }
    if (!equal) continue;
    auto& points = axis(axes_, name).points;
    for (size_t i = 0; i < first.value.size(); ++i) {
      std::vector<Entry> entries;
      for (const auto& list : lists) entries.push_back(varied_item(list, list.key, i));
      const auto label = label_of(entries);
      if (std::any_of(points.begin(), points.end(), [&](const AxisPoint& p) { return p.label == label; }))
        problems_.add(entries[0].origin, first.key, fmt::format("found {} twice, expected different values", label));
      else
        points.push_back({label, {"zip." + name, entries}, {{name, label}}, entries[0].origin});
    }
  }
}

bool AxisReader::check_range(const Range& range) {
  const auto& any = range.parts.begin()->second;
  const auto has = [&](const char* part) { return range.parts.count(part) != 0; };
  if (has("values")) {
    if (range.parts.size() == 1) return is_list(any);
    problem(any, "found values beside min, max or log, expected one or the other");
    return false;
  }
  for (const char* part : {"min", "max"})
    if (!has(part)) {
      problem(any, fmt::format("found no {} for {}, expected {{min, max}}, {{min, max, log}} or {{values}}", part, range.key));
      return false;
    } else if (!range.parts.at(part).value.is_number()) {
      problem(range.parts.at(part), fmt::format("found {}, expected a number", shown(range.parts.at(part).value)));
      return false;
    }
  if (has("log") && !range.parts.at("log").value.is_boolean()) {
    problem(range.parts.at("log"), fmt::format("found {}, expected true or false", shown(range.parts.at("log").value)));
    return false;
  }
  const double min = range.parts.at("min").value, max = range.parts.at("max").value;
  const bool log = has("log") && range.parts.at("log").value.get<bool>();
  if (!(min < max) || (log && !(min > 0))) {
    problem(range.parts.at("max"),
            fmt::format("found a range from {} to {}, expected one that rises{}", min, max, log ? " from above 0" : ""));
    return false;
  }
  return true;
}

std::vector<Entry> AxisReader::draw(const std::string& stream) {
  std::vector<Entry> entries;
  for (const auto& range : ranges_) {
    const double u = uniform(stream + "/" + range.key);
    const auto& place = range.parts.begin()->second;
    if (const auto values = range.parts.find("values"); values != range.parts.end()) {
      const auto& list = values->second.value;
      entries.push_back(varied_item(values->second, range.key, static_cast<size_t>(u * static_cast<double>(list.size()))));
      continue;
    }
    const auto &least = range.parts.at("min").value, &most = range.parts.at("max").value;
    const bool whole = least.is_number_integer() && most.is_number_integer();
    const bool log = range.parts.count("log") != 0 && range.parts.at("log").value.get<bool>();
    double min = least, max = most;
    if (whole) min -= 0.5, max += 0.5;  // each integer has its share of the axis
    const double value = log ? std::exp(std::log(min) + u * (std::log(max) - std::log(min))) : min + u * (max - min);
    if (whole)
      entries.push_back(varied(place, range.key, std::clamp<int64_t>(std::llround(value), least, most)));
    else
      entries.push_back(varied(place, range.key, std::clamp(rounded(value), min, max)));
  }
  return entries;
}

// Point i comes from the seed and from i alone. Equal points are drawn again, as far as there are others.
void AxisReader::draw_points(const std::string& experiment) {
  const auto found = std::find_if(axes_.begin(), axes_.end(), [](const Axis& a) { return a.name == "random"; });
  if (found == axes_.end()) return;
  if (!capped_) problems_.add(random_ ? random_->key_origin : experiment, "random.cap", "found nothing, expected the number of points");
  if (ranges_.empty() && problems_.empty())
    problems_.add_line(fmt::format("{}: random: found no key, expected key = {{min, max}} or {{values}}", experiment));
  bool sound = cap_ > 0 && !ranges_.empty();
  for (const auto& range : ranges_) sound = check_range(range) && sound;
  if (!sound) return;
  std::set<std::string> labels;
  for (int64_t i = 0; i < 100 * cap_ && static_cast<int64_t>(labels.size()) < cap_; ++i) {
    auto entries = draw(fmt::format("{}/{}", random_seed_, i));
    const auto label = label_of(entries), origin = entries[0].key_origin;
    if (labels.insert(label).second) found->points.push_back({label, {"random", std::move(entries)}, {{"random", label}}, origin});
  }
  if (static_cast<int64_t>(labels.size()) < cap_)
    notes_.push_back(
        fmt::format("{}: random.cap: found {}, of which {} are planned: no more points differ", cap_origin_, cap_, labels.size()));
}

// No key may be set by two axes: which of them wins would depend on their order.
void AxisReader::check_axes() {
  for (size_t a = 0; a < axes_.size(); ++a)
    for (size_t b = a + 1; b < axes_.size(); ++b)
      for (const auto& point : axes_[a].points)
        for (const auto& entry : point.layer.entries)
          for (const auto& other_point : axes_[b].points)
            for (const auto& other : other_point.layer.entries)
              if (entry.key == other.key)
                problems_.add(entry.key_origin, entry.key,
                              fmt::format("found in {} and in {} ({}), expected in one of them", point.layer.name, other_point.layer.name,
                                          other.key_origin));
}

std::vector<Axis> AxisReader::finish(const std::string& experiment) {
  multiply_arms();
  join_zips();
  draw_points(experiment);
  std::erase_if(axes_, [](const Axis& a) { return a.points.empty(); });
  // Arms are the outermost axis, wherever the file has them: a table of cells then reads by arm.
  std::stable_partition(axes_.begin(), axes_.end(), [](const Axis& a) { return a.name == "arm"; });
  check_axes();
  return std::move(axes_);
}

}  // namespace tessera
