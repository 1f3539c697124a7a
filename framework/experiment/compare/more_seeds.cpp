#include "experiment/compare/more_seeds.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace tessera {
namespace {

// One stage of this part for all seeds, in the row or in what it is compared with: there is one pair, and there will be no other.
bool is_pinned(const Comparison& comparison, const ComparedPart& part, const ComparedRow& row) {
  return std::any_of(comparison.pinned.begin(), comparison.pinned.end(), [&](const PinnedStage& pinned) {
    const auto has = [&](const std::string& cell) {
      return pinned.everywhere || std::find(pinned.cells.begin(), pinned.cells.end(), cell) != pinned.cells.end();
    };
    return pinned.slot == part.name && (has(row.cells.front()) || has(row.from));
  });
}

// Seeds at which either cell was removed.
int64_t removed_seeds(const Evidence& evidence, const std::string& cell, const std::string& other) {
  std::set<int64_t> seeds;
  for (const auto& trial : evidence.removed)
    if (const auto& name = evidence.cells[trial.cell]; name == cell || name == other) seeds.insert(trial.seed);
  return static_cast<int64_t>(seeds.size());
}

}  // namespace

std::optional<MoreSeeds> more_seeds(const Comparison& comparison, const Evidence& evidence) {
  std::optional<MoreSeeds> reach, see;
  std::set<int64_t> pairs;
  const auto better = [](std::optional<MoreSeeds>& best, const MoreSeeds& one, bool more) {
    if (!best || (more ? one.seeds > best->seeds : one.seeds < best->seeds)) best = one;
  };
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      const auto& metric = part.metrics[i];
      if (metric.goal == "none" || metric.timing || metric.cost) continue;
      for (const auto& row : part.rows) {
        if (!row.values[i] || !row.values[i]->paired || is_pinned(comparison, part, row)) continue;
        const auto& [value, paired] = std::tie(*row.values[i], *row.values[i]->paired);
        const int64_t n = paired.estimate.n;
        if (n == 0) continue;
        pairs.insert(n);
        // How many seeds a cell needs for so many pairs more.
        const auto seeds_for = [&, n_removed = removed_seeds(evidence, row.cells.front(), row.from)](int64_t more) {
          return comparison.seeds + std::max<int64_t>(0, more - n_removed);
        };
        MoreSeeds one{false, part.name, metric.name, row.cells, n, value.comparisons, 1, comparison.seeds};
        one.least_p = std::min(1.0, paired.least_p * static_cast<double>(one.comparisons));
        if (const int64_t needed = exact_pairs(one.comparisons); n < needed) {
          one.reach = true;
          one.seeds = seeds_for(needed - n);
          better(reach, one, true);
        } else if (const auto missing = pairs_missing(paired, one.comparisons); missing && *missing > 0 && std::isfinite(*missing)) {
          one.seeds = seeds_for(static_cast<int64_t>(*missing));
          better(see, one, false);
        }
      }
    }
  auto& found = reach ? reach : see;
  if (found) found->alike = pairs.size() == 1;
  return found;
}

}  // namespace tessera
