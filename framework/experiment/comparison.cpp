#include "experiment/comparison.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/option_schema.hpp"

namespace tessera {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kEvaluation = "evaluation.";
constexpr const char* kCalibration = "evaluation.calibration";

struct Observation {
  std::string cell, part, slot, stage;
  ComparedMetric metric;
  std::string axis;
  double value = kNan;
  int64_t seed = 0;
};

// "evaluation.samples.free" and "samples.free" tell of one part.
std::string part_of(const std::string& slot) {
  return slot.rfind(kEvaluation, 0) == 0 ? slot.substr(std::string(kEvaluation).size()) : slot;
}

double column_or_nan(SQLite::Statement& row, int i) { return row.isColumnNull(i) ? kNan : row.getColumn(i).getDouble(); }

// Distinct (cell, seed, slot, stage, metric).
std::vector<Observation> observations(SQLite::Database& database, const std::string& experiment) {
  SQLite::Statement row(
      database,
      "SELECT DISTINCT cell, slot, stage, metric, goal, unit, definition, revision, timing, axis, value, seed FROM v_score "
      "WHERE experiment = ? AND current AND done AND (slot LIKE 'evaluation.%' OR goal <> 'none')");
  row.bind(1, experiment);
  std::vector<Observation> found;
  while (row.executeStep()) {
    const auto text = [&](int i) { return row.getColumn(i).getString(); };
    Observation one;
    one.cell = text(0), one.slot = text(1), one.part = part_of(one.slot), one.stage = text(2);
    one.metric = {text(3), text(4), text(5), text(6), row.getColumn(7).getInt64(), row.getColumn(8).getInt() != 0};
    one.axis = text(9), one.value = column_or_nan(row, 10), one.seed = row.getColumn(11).getInt64();
    found.push_back(std::move(one));
  }
  return found;
}

// Cells in the order in which the file declares them, the baseline first.
std::vector<std::string> current_cells(SQLite::Database& database, const Comparison& comparison) {
  SQLite::Statement row(database, "SELECT cell FROM v_cell WHERE experiment = ? AND current ORDER BY baseline DESC, position");
  row.bind(1, comparison.experiment);
  std::vector<std::string> cells;
  while (row.executeStep()) cells.push_back(row.getColumn(0).getString());
  return cells;
}

using ByStage = std::map<std::string, double>;

ComparedRow row_of(const std::map<size_t, ByStage>& by_metric, size_t metrics) {
  ComparedRow row;
  row.values.resize(metrics);
  for (const auto& [metric, by_stage] : by_metric) {
    std::vector<double> values;
    for (const auto& [stage, value] : by_stage) values.push_back(value);
    row.values[metric] = ComparedValue{estimate(values), std::nullopt, std::nullopt, std::nullopt};
    row.stages = std::max(row.stages, static_cast<int64_t>(values.size()));
  }
  return row;
}

class PartBuilder {
 public:
  PartBuilder(std::string name, std::vector<std::string> cells, std::string baseline)
      : cells_(std::move(cells)), known_(cells_.begin(), cells_.end()), baseline_(std::move(baseline)) {
    part_.name = std::move(name);
  }

  void add(const std::string& cell, int64_t seed, const std::string& stage, const ComparedMetric& metric, double value) {
    size_t i = 0;
    while (i < part_.metrics.size() && (part_.metrics[i].name != metric.name || part_.metrics[i].revision != metric.revision)) ++i;
    if (i == part_.metrics.size()) part_.metrics.push_back(metric);
    stages_[cell].insert(stage);
    values_[cell][i][stage] = value;
    by_seed_[cell][i][seed] = {stage, value};
  }

  ComparedPart build() {
    std::map<std::set<std::string>, size_t> seen;
    std::map<std::string, size_t> row_of_cell;
    for (const auto& cell : cells_) {
      if (!stages_.count(cell)) continue;
      const auto [place, is_new] = seen.emplace(stages_[cell], part_.rows.size());
      if (is_new) part_.rows.push_back(row_of(values_[cell], part_.metrics.size()));
      auto& row = part_.rows[place->second];
      row.cells.push_back(cell);
      row_of_cell[cell] = place->second;
      row.baseline = row.baseline || baseline_of(cell) == cell;
    }
    for (auto& row : part_.rows)
      if (const auto base = row_of_cell.find(baseline_of(row.cells[0])); base != row_of_cell.end() && !row.baseline)
        compare_with(row, part_.rows[base->second]);
    correct();
    return std::move(part_);
  }

 private:
  using BySeed = std::map<int64_t, std::pair<std::string, double>>;

  // Labels are "arm, axis point, …". The baseline of a cell is the cell of the baseline's arm at the same points of the other axes, as
  // far as that arm has them: "masked, sampling.steps=8, prior.layers=6" has "causal, prior.layers=6".
  std::string baseline_of(const std::string& cell) const {
    for (auto comma = cell.find(", "); comma != std::string::npos; comma = cell.find(", ", comma + 1))
      if (known_.count(baseline_ + cell.substr(comma))) return baseline_ + cell.substr(comma);
    return known_.count(baseline_) ? baseline_ : "";
  }

  void compare_with(ComparedRow& row, const ComparedRow& base) {
    for (size_t i = 0; i < part_.metrics.size(); ++i) {
      auto& value = row.values[i];
      const auto& from = base.values[i];
      if (!value || !from) continue;
      value->difference = value->estimate.mean - from->estimate.mean;
      value->paired = pair(by_seed_[row.cells[0]][i], by_seed_[base.cells[0]][i]);
      if (value->paired && value->paired->estimate.n > 0) value->difference = value->paired->estimate.mean;
    }
  }

  // A stage is not compared with itself. Pairs that share a stage are no independent evidence: together they are one, their mean.
  static std::optional<PairedDifference> pair(const BySeed& row, const BySeed& base) {
    std::map<std::pair<std::string, std::string>, double> pairs;  // of stages
    for (const auto& [seed, one] : row)
      if (const auto other = base.find(seed); other != base.end() && other->second.first != one.first)
        pairs[{one.first, other->second.first}] = one.second - other->second.second;
    if (pairs.empty()) return std::nullopt;
    std::map<std::string, std::string> above;  // a stage -> another of its group
    const auto root = [&](std::string stage) {
      while (above.count(stage)) stage = above.at(stage);
      return stage;
    };
    for (const auto& [stages, difference] : pairs)
      if (const auto a = root(stages.first), b = root(stages.second); a != b) above[a] = b;
    std::map<std::string, std::pair<double, int64_t>> groups;
    for (const auto& [stages, difference] : pairs) {
      auto& [sum, count] = groups[root(stages.first)];
      sum += difference, ++count;
    }
    std::vector<double> values;
    for (const auto& [stage, group] : groups) values.push_back(group.first / static_cast<double>(group.second));
    return paired_difference(values);
  }

  // As many comparisons as rows that have the metric.
  void correct() {
    for (size_t i = 0; i < part_.metrics.size(); ++i) {
      std::vector<ComparedValue*> compared;
      std::vector<double> p;
      for (auto& row : part_.rows)
        if (row.values[i] && row.values[i]->paired && row.values[i]->paired->p) {
          compared.push_back(&*row.values[i]);
          p.push_back(*row.values[i]->paired->p);
        }
      const auto adjusted = holm(p);
      for (size_t k = 0; k < compared.size(); ++k) compared[k]->p_holm = adjusted[k];
    }
  }

  std::vector<std::string> cells_;
  std::set<std::string> known_;  // the cells
  std::string baseline_;
  ComparedPart part_;
  std::map<std::string, std::set<std::string>> stages_;
  std::map<std::string, std::map<size_t, ByStage>> values_;  // cell → metric → stage → value
  std::map<std::string, std::map<size_t, BySeed>> by_seed_;  // cell → metric → seed → stage and value
};

// One row a kind of calibration, in the columns of the part it stands below. "<row>.<metric>" is how they are recorded.
std::vector<ComparedRow> calibration_rows(const std::vector<Observation>& all, const ComparedPart& part) {
  std::vector<std::string> order;
  std::map<std::string, std::map<size_t, ByStage>> found;
  for (const auto& one : all) {
    const auto dot = one.metric.name.find('.');
    if (one.slot != kCalibration || dot == std::string::npos) continue;
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      if (part.metrics[i].name != one.metric.name.substr(dot + 1)) continue;
      const std::string row = one.metric.name.substr(0, dot);
      if (!found.count(row)) order.push_back(row);
      found[row][i][one.stage] = one.value;
    }
  }
  std::vector<ComparedRow> rows;
  for (const auto& name : order) {
    ComparedRow row = row_of(found[name], part.metrics.size());
    row.cells = {name};
    rows.push_back(std::move(row));
  }
  return rows;
}

// What a table shows when no metric is named: one number a stage. Of those without a goal only what is a count of evidence,
// the same whole number everywhere.
bool shown_unasked(const ComparedPart& part, size_t metric) {
  if (part.metrics[metric].goal != "none") return true;
  std::optional<double> same;
  for (const auto& row : part.rows) {
    if (!row.values[metric]) continue;
    const auto& e = row.values[metric]->estimate;
    if (e.n == 0 || e.mean != static_cast<double>(static_cast<int64_t>(e.mean)) || (same && *same != e.mean)) return false;
    same = e.mean;
  }
  return same && part.metrics[metric].unit.empty();
}

void keep_metrics(ComparedPart& part, const std::vector<bool>& keep) {
  const auto filter = [&](auto& list) {
    size_t kept = 0;
    for (size_t i = 0; i < keep.size(); ++i)
      if (keep[i]) std::swap(list[kept++], list[i]);
    list.resize(kept);
  };
  filter(part.metrics);
  for (auto* rows : {&part.rows, &part.calibration})
    for (auto& row : *rows) filter(row.values);
}

void choose_metrics(Comparison& comparison, const std::vector<std::string>& names) {
  std::set<std::string> known, missing(names.begin(), names.end());
  for (auto& part : comparison.parts) {
    std::vector<bool> keep;
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      const auto& name = part.metrics[i].name;
      known.insert(name);
      missing.erase(name);
      keep.push_back(names.empty() ? shown_unasked(part, i) : std::find(names.begin(), names.end(), name) != names.end());
    }
    keep_metrics(part, keep);
  }
  auto& parts = comparison.parts;
  parts.erase(std::remove_if(parts.begin(), parts.end(), [](const auto& part) { return part.metrics.empty(); }), parts.end());
  if (missing.empty()) return;
  const auto near = did_you_mean(*missing.begin(), {known.begin(), known.end()});
  throw Error(ExitCode::bad_config, fmt::format("compare: found metric '{}', expected one of {}{}", *missing.begin(),
                                                fmt::join(known, ", "), near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

ComparedPart cost_of(SQLite::Database& database, const Comparison& comparison, const std::vector<std::string>& cells) {
  SQLite::Statement row(
      database,
      "SELECT DISTINCT t.cell, v.stage, v.kind, v.cpu_seconds FROM v_trial t JOIN trial_stage x ON x.trial = t.id "
      "JOIN v_stage v ON v.id = x.stage WHERE t.experiment = ? AND t.current AND v.state = 'done' AND v.kind <> 'evaluation'");
  row.bind(1, comparison.experiment);
  PartBuilder builder("cost", cells, "");
  while (row.executeStep())
    builder.add(
        row.getColumn(0).getString(), 0, row.getColumn(1).getString(),
        {row.getColumn(2).getString(), "min", "cpu s", "Processor seconds of one stage of this kind, all its runs together.", 1, true},
        column_or_nan(row, 3));
  return builder.build();
}

Json paired_json(const PairedDifference& paired, const std::optional<double>& p_holm) {
  const auto& e = paired.estimate;
  Json json = {{"n", e.n}, {"n_nan", e.n_nan}, {"mean", encode_number(e.mean)}, {"least_p", paired.least_p}};
  if (e.deviation) json["sd"] = encode_number(*e.deviation);
  if (e.half_width) json["interval95"] = {encode_number(e.mean - *e.half_width), encode_number(e.mean + *e.half_width)};
  if (paired.p) json["p"] = *paired.p;
  if (p_holm) json["p_holm"] = *p_holm;
  if (paired.detectable) json["detectable"] = encode_number(*paired.detectable);
  return json;
}

Json row_json(const ComparedPart& part, const ComparedRow& row) {
  Json values = Json::object();
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    if (!row.values[i]) continue;
    const auto& [e, difference, paired, p_holm] = *row.values[i];
    Json value = {{"n", e.n}, {"n_nan", e.n_nan}, {"mean", encode_number(e.mean)}};
    if (e.deviation) value["sd"] = encode_number(*e.deviation);
    if (e.half_width) value["interval95"] = {encode_number(e.mean - *e.half_width), encode_number(e.mean + *e.half_width)};
    if (difference) value["difference"] = encode_number(*difference);
    if (paired) value["paired"] = paired_json(*paired, p_holm);
    values[part.metrics[i].name] = std::move(value);
  }
  return {{"cells", row.cells}, {"baseline", row.baseline}, {"stages", row.stages}, {"values", std::move(values)}};
}

Json part_json(const ComparedPart& part) {
  Json metrics = Json::array(), rows = Json::array(), calibration = Json::array();
  for (const auto& m : part.metrics)
    metrics.push_back({{"name", m.name},
                       {"goal", m.goal},
                       {"unit", m.unit},
                       {"revision", m.revision},
                       {"timing", m.timing},
                       {"definition", m.definition}});
  for (const auto& row : part.rows) rows.push_back(row_json(part, row));
  for (const auto& row : part.calibration) calibration.push_back(row_json(part, row));
  return {{"name", part.name}, {"metrics", std::move(metrics)}, {"rows", std::move(rows)}, {"calibration", std::move(calibration)}};
}

}  // namespace

Comparison compare(SQLite::Database& database, const ComparisonRequest& request) {
  Comparison comparison;
  comparison.experiment = find_ledger_experiment(database, request.experiment);
  SQLite::Statement about(database,
                          "SELECT coalesce(question, ''), coalesce(baseline, ''), "
                          "(SELECT count(*) FROM v_trial WHERE experiment = ?1 AND current), "
                          "(SELECT count(*) FROM v_trial WHERE experiment = ?1 AND current AND state = 'done'), coalesce(source, '') FROM "
                          "experiment WHERE name = "
                          "?1");
  about.bind(1, comparison.experiment);
  about.executeStep();
  comparison.question = about.getColumn(0).getString();
  comparison.baseline = about.getColumn(1).getString();
  comparison.trials = about.getColumn(2).getInt64();
  comparison.trials_done = about.getColumn(3).getInt64();
  comparison.source = about.getColumn(4).getString();

  const auto all = observations(database, comparison.experiment);
  const auto cells = current_cells(database, comparison);
  std::vector<std::string> order;
  std::map<std::string, PartBuilder> builders;
  for (const auto& one : all) {
    if (one.slot == kCalibration || (request.metrics.empty() && one.axis != "step")) continue;
    auto builder = builders.find(one.part);
    if (builder == builders.end()) {
      builder = builders.emplace(one.part, PartBuilder(one.part, cells, comparison.baseline)).first;
      order.push_back(one.part);
    }
    builder->second.add(one.cell, one.seed, one.stage, one.metric, one.value);
  }
  // tokenizer, prior, samples…: the order of the pipeline.
  const auto rank = [](const std::string& part) { return part == "tokenizer" ? 0 : part == "prior" ? 1 : 2; };
  std::sort(order.begin(), order.end(),
            [&](const auto& a, const auto& b) { return std::make_pair(rank(a), a) < std::make_pair(rank(b), b); });
  for (const auto& name : order) {
    comparison.parts.push_back(builders.at(name).build());
    auto& part = comparison.parts.back();
    if (rank(name) == 2) part.calibration = calibration_rows(all, part);
  }
  choose_metrics(comparison, request.metrics);
  comparison.cost = cost_of(database, comparison, cells);
  return comparison;
}

Json to_json(const Comparison& comparison) {
  Json parts = Json::array();
  for (const auto& part : comparison.parts) parts.push_back(part_json(part));
  return {{"experiment", comparison.experiment}, {"question", comparison.question},       {"baseline", comparison.baseline},
          {"trials", comparison.trials},         {"trials_done", comparison.trials_done}, {"parts", std::move(parts)},
          {"cost", part_json(comparison.cost)}};
}

std::string find_ledger_experiment(SQLite::Database& database, const std::string& word) {
  std::string wanted = word;
  // The path of the file is a name too.
  for (const std::string prefix : {"./", "experiments/"})
    if (wanted.rfind(prefix, 0) == 0) wanted = wanted.substr(prefix.size());
  if (wanted.size() > 5 && wanted.compare(wanted.size() - 5, 5, ".toml") == 0) wanted.resize(wanted.size() - 5);
  std::vector<std::string> names, ending;
  SQLite::Statement row(database, "SELECT name FROM experiment ORDER BY name");
  while (row.executeStep()) {
    names.push_back(row.getColumn(0).getString());
    if (names.back() == wanted) return wanted;
    const std::string tail = "/" + wanted;
    if (names.back().size() > tail.size() && names.back().compare(names.back().size() - tail.size(), tail.size(), tail) == 0)
      ending.push_back(names.back());
  }
  if (ending.size() == 1) return ending[0];
  const auto near = did_you_mean(wanted, names);
  throw Error(ExitCode::bad_config, names.empty()
                                        ? fmt::format("experiment '{}': the ledger has no experiments yet", word)
                                        : fmt::format("experiment '{}' is not in the ledger, which has {}{}", word, fmt::join(names, ", "),
                                                      near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace tessera
