// The differences of a comparison as text: seed by seed, sample by sample, what was left out, and what holds the intervals up.
#pragma once
#include <string>
#include <vector>

#include "cli/verb.hpp"
#include "experiment/compare/comparison.hpp"

namespace tessera {

// Every difference from the baseline that more than one pair speaks of, and the command that adds the seeds that are missing: for
// these `common` options. Empty where there is none.
std::string differences_text(const Comparison& comparison, const CommonOptions& common, size_t width);
// The same by per-sample scores: one pair of models is enough.
std::string sample_differences_text(const Comparison& comparison, size_t width);
// Of each stage that all seeds of a cell share: that intervals are conditional on it.
std::vector<std::string> pinned_sentences(const Comparison& comparison);
// Those, what is uncontrolled, that p cannot be small, and which trials are left out: what belongs below a table.
std::vector<std::string> caveats(const Comparison& comparison);
// What seeds and cells have in common: pinned stages, shared stages, seeds without a pair.
std::string conditions_text(const Comparison& comparison, size_t width);
// Facts in which cells differ: those that nobody asked for, those that follow from options, and what training was given.
std::string controls_text(const Comparison& comparison, size_t width);
// Trials, numbers and cells that the tables do not count.
std::string left_out_text(const Comparison& comparison, size_t width);

}  // namespace tessera
