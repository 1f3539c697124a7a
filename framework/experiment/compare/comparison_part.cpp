#include "experiment/compare/comparison_part.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

namespace tessera {
namespace {

// The distinct stages' numbers.
Estimate estimate_of(const Scores& scores) {
  std::set<int64_t> stages;
  std::vector<double> values;
  for (const auto& one : scores)
    if (stages.insert(one.stage).second) values.push_back(one.value);
  return estimate(values);
}

ComparedRow row_of(const std::vector<Scores>& by_metric) {
  ComparedRow row;
  row.values.resize(by_metric.size());
  for (size_t i = 0; i < by_metric.size(); ++i) {
    if (by_metric[i].empty()) continue;
    row.values[i].emplace();
    auto& value = *row.values[i];
    value.estimate = estimate_of(by_metric[i]);
    for (const auto& one : by_metric[i])
      if (std::isnan(one.value))
        value.nan_seeds.push_back(one.seed);
      else if (std::isinf(one.value))
        value.infinite_seeds.push_back(one.seed);
    value.least_samples = by_metric[i].front().samples;
    for (const auto& one : by_metric[i]) {
      value.least_samples = std::min(value.least_samples, one.samples);
      value.most_samples = std::max(value.most_samples, one.samples);
    }
    row.stages = std::max(row.stages, value.estimate.n + value.estimate.n_nan);
  }
  return row;
}

}  // namespace

PartBuilder::PartBuilder(std::string name, const Evidence& evidence, const std::vector<size_t>& baselines)
    : evidence_(evidence), baselines_(baselines), scores_(evidence.cells.size()) {
  part_.name = std::move(name);
}

size_t PartBuilder::place(const ComparedMetric& metric) {
  size_t i = 0;
  while (i < part_.metrics.size() && (part_.metrics[i].name != metric.name || part_.metrics[i].revision != metric.revision)) ++i;
  if (i == part_.metrics.size()) part_.metrics.push_back(metric);
  return i;
}

void PartBuilder::add(size_t cell, int64_t seed, int64_t stage, size_t metric, double value, int64_t samples) {
  if (scores_[cell].size() <= metric) scores_[cell].resize(metric + 1);
  scores_[cell][metric].push_back({seed, stage, value, samples});
}

ComparedPart PartBuilder::build() {
  for (auto& by_metric : scores_) by_metric.resize(part_.metrics.size());
  add_rows();
  correct();
  return std::move(part_);
}

// Cells that have the same stages are one row.
void PartBuilder::add_rows() {
  std::map<std::vector<int64_t>, size_t> seen;
  std::vector<size_t> row_of_cell(scores_.size(), kNoCell);
  for (size_t cell = 0; cell < scores_.size(); ++cell) {
    std::vector<int64_t> stages;
    for (const auto& scores : scores_[cell])
      for (const auto& one : scores) stages.push_back(one.stage);
    if (stages.empty()) continue;
    std::sort(stages.begin(), stages.end());
    stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
    const auto [place, is_new] = seen.emplace(std::move(stages), part_.rows.size());
    if (is_new) {
      part_.rows.push_back(row_of(scores_[cell]));
      part_.rows.back().missing_seeds = missing_seeds(cell);
      first_cells_.push_back(cell);
    }
    auto& row = part_.rows[place->second];
    row.cells.push_back(evidence_.cells[cell]);
    row_of_cell[cell] = place->second;
    row.baseline = row.baseline || baselines_[cell] == cell;
  }
  // Of cells with the same stages some may have no baseline.
  const auto has_baseline = [&](size_t cell) { return baselines_[cell] != kNoCell && row_of_cell[baselines_[cell]] != kNoCell; };
  for (size_t cell = scores_.size(); cell-- > 0;)
    if (const size_t row = row_of_cell[cell]; row != kNoCell && has_baseline(cell)) first_cells_[row] = cell;
  for (size_t i = 0; i < part_.rows.size(); ++i) {
    const size_t base = baselines_[first_cells_[i]];
    part_.unequal_sets = part_.unequal_sets || (of_samples() && !counts_agree(part_, i, 0));
    for (size_t m = 0; m < part_.metrics.size(); ++m)
      if (part_.metrics[m].by_sample) sample_pairings_.push_back({i, m, scores_[first_cells_[i]][m], {}});
    if (!part_.rows[i].baseline && base != kNoCell && row_of_cell[base] != kNoCell)
      compare_with(i, first_cells_[i], row_of_cell[base], base);
  }
}

void PartBuilder::compare_with(size_t row_index, size_t cell, size_t base_row, size_t base_cell) {
  auto& row = part_.rows[row_index];
  const auto& base = part_.rows[base_row];
  row.from = evidence_.cells[base_cell];
  row.same_slots = same_slots(cell, base_cell);
  row.unequal_sets = of_samples() && !counts_agree(part_, row_index, base_row);
  for (size_t i = 0; i < part_.metrics.size(); ++i) {
    auto& value = row.values[i];
    const auto& from = base.values[i];
    if (!value || !from || part_.metrics[i].count) continue;
    const auto pairing = pair_seeds(scores_[cell][i], scores_[base_cell][i]);
    for (const auto& one : scores_[cell][i])
      if (std::find(pairing.row_only.begin(), pairing.row_only.end(), one.seed) == pairing.row_only.end())
        value->both_seeds.push_back(one.seed);
    value->unpaired = {pairing.shared, pairing.row_only, pairing.base_only};
    if (pairing.clusters.empty()) continue;
    if (part_.metrics[i].by_sample)
      std::find_if(sample_pairings_.rbegin(), sample_pairings_.rend(), [&](const auto& one) { return one.metric == i; })->pairing = pairing;
    value->paired = paired_difference(pairing.differences());
    if (value->paired->estimate.n > 0) value->difference = value->paired->estimate.mean;
  }
}

// The trials of a cell stand together.
std::pair<size_t, size_t> PartBuilder::trials_of(size_t cell) const {
  const auto before = [](const EvidenceTrial& trial, size_t wanted) { return trial.cell < wanted; };
  const auto begin = std::lower_bound(evidence_.trials.begin(), evidence_.trials.end(), cell, before);
  const auto end = std::lower_bound(begin, evidence_.trials.end(), cell + 1, before);
  return {begin - evidence_.trials.begin(), end - evidence_.trials.begin()};
}

std::vector<int64_t> PartBuilder::missing_seeds(size_t cell) const {
  std::set<int64_t> found;
  for (const auto& scores : scores_[cell])
    for (const auto& one : scores) found.insert(one.seed);
  std::vector<int64_t> missing;
  const auto [begin, end] = trials_of(cell);
  for (size_t i = begin; i < end; ++i)
    if (!found.count(evidence_.trials[i].seed)) missing.push_back(evidence_.trials[i].seed);
  return missing;
}

std::vector<std::string> PartBuilder::same_slots(size_t cell, size_t base_cell) const {
  std::map<std::pair<int, std::string>, bool> same;  // in the order of the pipeline
  const auto [begin, end] = trials_of(cell);
  const auto [base_begin, base_end] = trials_of(base_cell);
  for (size_t i = begin, k = base_begin; i < end; ++i) {
    const auto& trial = evidence_.trials[i];
    while (k < base_end && evidence_.trials[k].seed < trial.seed) ++k;
    if (k == base_end || evidence_.trials[k].seed != trial.seed) continue;
    for (const auto& [slot, stage] : trial.stages) {
      const auto& others = evidence_.trials[k].stages;
      const bool shared = std::find(others.begin(), others.end(), std::make_pair(slot, stage)) != others.end();
      const auto& name = evidence_.slots[slot];
      const auto found = same.try_emplace({pipeline_place(name), name}, true).first;
      found->second = found->second && shared;
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, shared] : same)
    if (shared && name.second.rfind("evaluation.", 0) != 0) names.push_back(name.second);
  return names;
}

// As many comparisons as rows that have the metric.
void PartBuilder::correct() {
  for (size_t i = 0; i < part_.metrics.size(); ++i) {
    std::vector<ComparedValue*> compared;
    std::vector<double> p;
    for (auto& row : part_.rows)
      if (row.values[i] && row.values[i]->paired && row.values[i]->paired->p) {
        compared.push_back(&*row.values[i]);
        p.push_back(*row.values[i]->paired->p);
      }
    const auto adjusted = holm(p);
    for (size_t k = 0; k < compared.size(); ++k) {
      compared[k]->p_holm = adjusted[k];
      compared[k]->comparisons = static_cast<int64_t>(compared.size());
    }
  }
}

bool counts_agree(const ComparedPart& part, size_t row, size_t other) {
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    const auto &a = part.rows[row].values[i], &b = part.rows[other].values[i];
    if (part.metrics[i].count && a && b && a->estimate.mean != b->estimate.mean) return false;
  }
  return true;
}

namespace {

// Stages of calibration that were made with the same options.
struct CalibrationGroup {
  Json options;
  std::map<std::string, std::vector<Scores>> rows;  // "real" -> by metric of the part
  std::map<size_t, std::set<int64_t>> stages;       // by cell
};

// "sampling.count=8": in what the group's options are not those of another group. Defaults do not stand in the options.
std::string setting_of(const CalibrationGroup& group, const std::vector<CalibrationGroup>& groups) {
  std::set<std::string> keys;
  for (const auto& one : groups)
    for (const auto& option : one.options.items()) keys.insert(option.key());
  const auto said = [](const CalibrationGroup& one, const std::string& key) {
    const Json value = one.options.value(key, Json("default"));
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  std::string text;
  for (const auto& key : keys)
    if (std::any_of(groups.begin(), groups.end(), [&](const auto& other) { return said(other, key) != said(group, key); }))
      text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, said(group, key));
  return text;
}

}  // namespace

std::vector<ComparedRow> calibration_rows(const Evidence& evidence, const ComparedPart& part) {
  std::unordered_map<int64_t, std::pair<std::string, size_t>> columns;  // metric id -> row and place in the part
  for (const auto& [id, metric] : evidence.metrics) {
    const auto dot = metric.name.find('.');
    if (dot == std::string::npos) continue;
    for (size_t i = 0; i < part.metrics.size(); ++i)
      if (part.metrics[i].name == metric.name.substr(dot + 1)) columns[id] = {metric.name.substr(0, dot), i};
  }
  std::vector<std::string> order;
  std::vector<CalibrationGroup> groups;
  std::map<std::string, size_t> place_of_options;
  for (const auto& trial : evidence.trials)
    for (const auto& [slot, id] : trial.stages) {
      if (evidence.slots[slot] != kCalibration) continue;
      const auto& stage = evidence.stages.at(id);
      const auto [place, is_new] = place_of_options.try_emplace(stage.options, groups.size());
      if (is_new) groups.push_back({try_parse_json(stage.options).value_or(Json::object()), {}, {}});
      auto& group = groups[place->second];
      group.stages[trial.cell].insert(id);
      for (const auto& [metric, value, n, numbers] : stage.values) {
        const auto column = columns.find(metric);
        if (column == columns.end()) continue;
        const auto& [name, metric_place] = column->second;
        if (std::find(order.begin(), order.end(), name) == order.end()) order.push_back(name);
        group.rows.try_emplace(name, part.metrics.size()).first->second[metric_place].push_back({trial.seed, id, value, numbers});
      }
    }
  std::vector<ComparedRow> rows;
  for (const auto& group : groups) {
    const bool pooled =
        std::any_of(group.stages.begin(), group.stages.end(), [&](const auto& one) { return one.second != group.stages.begin()->second; });
    const auto setting = setting_of(group, groups);
    for (const auto& name : order) {
      const auto found = group.rows.find(name);
      if (found == group.rows.end()) continue;
      rows.push_back(row_of(found->second));
      rows.back().pooled = pooled;
      rows.back().cells = {setting.empty() ? name : fmt::format("{} ({})", name, setting)};
    }
  }
  return rows;
}

}  // namespace tessera
