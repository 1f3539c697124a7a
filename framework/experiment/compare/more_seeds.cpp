#include "experiment/compare/more_seeds.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
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

// What cannot be tested asks for nothing: infinite differences, and those that are 0 at every seed.
bool is_tested(const PairedDifference& paired) {
  return paired.p && !(paired.estimate.mean == 0 && paired.estimate.deviation.value_or(0) == 0);
}

using SeedsOfCell = std::map<std::string, std::set<int64_t>>;

bool has(const SeedsOfCell& seeds, const std::string& cell, int64_t seed) {
  const auto found = seeds.find(cell);
  return found != seeds.end() && found->second.count(seed) != 0;
}

// Failed or pruned, in the part itself or in what it is made from.
bool stays_away(const ExcludedTrial& trial, const std::string& part) {
  return (trial.state == "failed" || trial.censored) && (part_of(trial.slot) == part || pipeline_place(trial.slot) < pipeline_place(part));
}

}  // namespace

void count_coming_pairs(const Evidence& evidence, Comparison& comparison) {
  std::set<int64_t> asked;
  for (const auto& trial : evidence.trials) asked.insert(trial.seed);
  for (const auto& trial : evidence.removed) asked.insert(trial.seed);
  comparison.seeds = static_cast<int64_t>(asked.size());
  if (comparison.excluded.empty() && evidence.trials.size() == evidence.cells.size() * asked.size()) return;  // all is there, and finished
  SeedsOfCell there;
  for (const auto& trial : evidence.trials) there[evidence.cells[trial.cell]].insert(trial.seed);
  for (auto& part : comparison.parts) {
    SeedsOfCell open, lost;
    for (const auto& trial : comparison.excluded)
      if (std::find(trial.parts.begin(), trial.parts.end(), part.name) != trial.parts.end())
        (stays_away(trial, part.name) ? lost : open)[trial.cell].insert(trial.seed);
    const auto comes = [&](const std::string& cell, int64_t seed) { return !has(there, cell, seed) || has(open, cell, seed); };
    for (auto& row : part.rows) {
      if (row.from.empty()) continue;
      const auto& cell = row.cells.front();
      std::vector<int64_t> coming;
      std::copy_if(asked.begin(), asked.end(), std::back_inserter(coming), [&](int64_t seed) {
        return (comes(cell, seed) || comes(row.from, seed)) && !has(lost, cell, seed) && !has(lost, row.from, seed);
      });
      for (auto& value : row.values)
        if (value)
          value->coming_pairs = std::count_if(coming.begin(), coming.end(), [&](int64_t seed) {
            return std::find(value->both_seeds.begin(), value->both_seeds.end(), seed) == value->both_seeds.end();
          });
    }
  }
}

std::optional<MoreSeeds> more_seeds(const Comparison& comparison) {
  std::optional<MoreSeeds> reach, see;
  std::set<int64_t> pairs;
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      const auto& metric = part.metrics[i];
      if (metric.goal == "none" || metric.timing || metric.cost) continue;
      for (const auto& row : part.rows) {
        if (!row.values[i] || !row.values[i]->paired || row.unequal_sets || is_pinned(comparison, part, row)) continue;
        const auto& [value, paired] = std::tie(*row.values[i], *row.values[i]->paired);
        const int64_t n = paired.estimate.n;
        if (n == 0 || !is_tested(paired)) continue;
        pairs.insert(n);
        MoreSeeds one{false, part.name, metric.name, row.cells, n, value.comparisons, 1, comparison.seeds};
        one.least_p = std::min(1.0, paired.least_p * static_cast<double>(one.comparisons));
        const auto add_pairs = [&one, coming = value.coming_pairs](int64_t missing) {
          one.seeds += std::max<int64_t>(0, missing - coming);
        };
        if (const int64_t needed = exact_pairs(one.comparisons); n < needed) {
          one.reach = true;
          add_pairs(needed - n);
          if (!reach || one.seeds > reach->seeds || (one.seeds == reach->seeds && n < reach->pairs)) reach = one;
        } else if (const auto missing = pairs_missing(paired, one.comparisons); missing && *missing > 0 && std::isfinite(*missing)) {
          add_pairs(static_cast<int64_t>(*missing));
          if (!see || one.seeds < see->seeds) see = one;
        }
      }
    }
  auto& found = reach ? reach : see;
  if (found) found->alike = pairs.size() == 1;
  return found;
}

}  // namespace tessera
