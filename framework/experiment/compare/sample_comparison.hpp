// Differences sample by sample, out of the ledger: every per-sample score of the stages that are compared.
#pragma once
#include "experiment/compare/comparison_part.hpp"

namespace tessera {

// Reads no more than this many scores where no metric is named; what is then left unread is counted in comparison.unread_scores.
inline constexpr int64_t kMostScoresUnasked = 100'000;

// Adds comparison.samples of one part, and the rows' values.over_samples of metrics that were named. `names`: of metrics; empty: all
// per-sample ones with a goal. `part` is what `builder` built, with all its metrics.
void compare_samples(SQLite::Database& database, const Evidence& evidence, const std::vector<std::string>& names,
                     const PartBuilder& builder, ComparedPart& part, Comparison& comparison);

}  // namespace tessera
