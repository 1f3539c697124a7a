#include "experiment/compare/comparison_notes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/text.hpp"

namespace tessera {
namespace {

bool is_unchanged(const PairedDifference& paired) {
  return paired.estimate.n > 1 && paired.estimate.mean == 0 && paired.estimate.deviation.value_or(0) == 0;
}

void add_unchanged(const ComparedPart& part, std::vector<std::string>& notes) {
  std::map<std::vector<std::string>, std::vector<std::string>> metrics;  // by the cells that are unchanged
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    const auto& metric = part.metrics[i];
    if (metric.goal == "none" || metric.cost || metric.timing) continue;
    std::vector<std::string> unchanged;
    bool others = false;
    for (const auto& row : part.rows) {
      if (!row.values[i] || !row.values[i]->paired || !row.values[i]->paired->p) continue;
      if (is_unchanged(*row.values[i]->paired))
        unchanged.push_back(fmt::format("{}", fmt::join(row.cells, " = ")));
      else
        others = true;
    }
    if (others && !unchanged.empty()) metrics[unchanged].push_back(metric.name);
  }
  for (const auto& [cells, names] : metrics)
    notes.push_back(
        fmt::format("{} {}: no difference in any pair, but counted by Holm: {}.", part.name, fmt::join(names, ", "), some_of(cells)));
}

void add_censored(const Comparison& comparison, std::vector<std::string>& notes) {
  std::vector<std::pair<std::string, int64_t>> cells;  // excluded trials stand by cell
  int64_t trials = 0;
  for (const auto& one : comparison.excluded) {
    if (!one.censored) continue;
    if (cells.empty() || cells.back().first != one.cell) cells.push_back({one.cell, 0});
    ++cells.back().second, ++trials;
  }
  std::vector<std::string> counts;
  for (const auto& [cell, n] : cells) counts.push_back(fmt::format("{} of {}", n, cell));
  if (trials > 0)
    notes.push_back(fmt::format("{} censored ({}): stopped because they did badly, so what is left of such a cell looks better than it is.",
                                counted(trials, "trial"), some_of(counts)));
}

// Cells that no baseline matches are told elsewhere.
void add_without_baseline(const Comparison& comparison, const ComparedPart& part, std::vector<std::string>& notes) {
  std::vector<std::string> cells;
  for (const auto& row : part.rows)
    for (const auto& cell : row.cells)
      if (!row.baseline && row.from.empty() &&
          std::find(comparison.unmatched.begin(), comparison.unmatched.end(), cell) == comparison.unmatched.end())
        cells.push_back(cell);
  if (!comparison.baseline.empty() && !cells.empty())
    notes.push_back(fmt::format("{}: no difference is counted, for the baseline {} has no number there: {}.", part.name,
                                comparison.baseline, some_of(cells)));
}

}  // namespace

std::optional<std::string> unequal_sets(const ComparedPart& part) {
  if (!part.unequal_sets) return std::nullopt;
  std::vector<std::string> counts;
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    if (!part.metrics[i].count) continue;
    std::set<double> values;
    for (const auto& row : part.rows)
      if (row.values[i]) values.insert(row.values[i]->estimate.mean);
    if (values.size() > 1) counts.push_back(fmt::format("{} {} to {}", part.metrics[i].name, *values.begin(), *values.rbegin()));
  }
  return fmt::format("{}: cells are scored on sets of unequal size ({}): numbers of whole sets, such as distances, do not compare.",
                     part.name, fmt::join(counts, ", "));
}

std::vector<std::string> notes_of(const Comparison& comparison) {
  std::vector<std::string> notes;
  add_censored(comparison, notes);
  for (const auto& part : comparison.parts) {
    if (const auto unequal = unequal_sets(part)) notes.push_back(*unequal);
    add_unchanged(part, notes);
    add_without_baseline(comparison, part, notes);
  }
  return notes;
}

}  // namespace tessera
