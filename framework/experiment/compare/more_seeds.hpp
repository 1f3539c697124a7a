// How many seeds an answer lacks.
#pragma once
#include <optional>

#include "experiment/compare/comparison.hpp"
#include "experiment/evidence/evidence.hpp"

namespace tessera {

// Of all comparisons by seed (metrics with a goal, no costs and no clocks): if some have too few pairs to reach p = 0.05 whatever they
// show, what the one with the fewest needs; else what the difference next to be seen needs. None where nothing can be gained: all is
// seen, or all seeds share one stage, so that no seed would be a new pair. Trials that `rm` took out are not asked for: a new run brings
// them back.
std::optional<MoreSeeds> more_seeds(const Comparison& comparison, const Evidence& evidence);

}  // namespace tessera
