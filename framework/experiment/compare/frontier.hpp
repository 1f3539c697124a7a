// Quality against cost: which cells are worth their cost, and which are dominated, by whom. Cost is counted by the stage that makes the
// samples (network evaluations, token-forwards, both per image); seconds are one more only where all samples were made in one
// environment. A cell is dominated where another is no dearer and better, or cheaper and no worse, by their means; where the 95 %
// interval of their quality's difference, paired by seed, does not lie on that side of 0 or there is none, that is said: it may be chance;
// so it is where both were scored on sets of unequal size.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "experiment/compare/comparison.hpp"
#include "experiment/compare/comparison_part.hpp"
#include "experiment/evidence/stage_facts.hpp"

namespace tessera {

// `builder` has built `part`; `rivals`: fill in who dominates whom. Qualities: metrics with a goal; those named, if any are. Points:
// cheapest first.
std::vector<Frontier> frontiers_of(const StageFacts& facts, const PartBuilder& builder, const ComparedPart& part,
                                   const std::vector<std::string>& names, bool rivals);
Json to_json(const Frontier& frontier);

}  // namespace tessera
