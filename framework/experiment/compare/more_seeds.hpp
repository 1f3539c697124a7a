// How many seeds an answer lacks.
#pragma once
#include <optional>

#include "experiment/compare/comparison.hpp"
#include "experiment/evidence/evidence.hpp"

namespace tessera {

// Sets how many seeds there are, and of each number how many pairs the seeds that are asked for already will add when they run: those whose
// trials are not there, or not finished. Failed and pruned ones add none, nor do seeds at which both cells have the number.
void count_coming_pairs(const Evidence& evidence, Comparison& comparison);

// Of all comparisons by seed (metrics with a goal, no costs and no clocks): if some have too few pairs to reach p = 0.05 whatever they
// show, what the one with the fewest needs; else what the difference next to be seen needs. None where nothing can be gained: all is
// seen, or all seeds share one stage, so that no seed would be a new pair, or the sets are of unequal size. Wants the coming pairs.
std::optional<MoreSeeds> more_seeds(const Comparison& comparison);

}  // namespace tessera
