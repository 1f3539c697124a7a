// Is the difference real, asked sample by sample? G pairs of trained models are scored on the same N samples (images of the
// validation split; draws of equal index): d[g][i] is the difference of one pair on one sample. Samples of one pair are no
// independent trainings, and scores of one sample by several pairs are no independent samples, so G·N values are never one crowd:
//   these models     over other samples, the trained models as they are: N units, each the mean over the pairs;
//   other trainings  over other seeds, these samples as they are: G units, each the mean over the samples;
//   both             over other seeds and other samples: two crossed random effects. Var(mean) = (MSg + MSi - MSe) / (G N) by the
//                    mean squares of the two-way table (Searle, Casella & McCulloch 1992, 4.3), degrees of freedom by Satterthwaite
//                    (1946); never narrower than one of the other two, which claim less. None below three pairs.
#pragma once
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "experiment/statistics/paired.hpp"

namespace tessera {

using SampleValues = std::vector<std::pair<int64_t, double>>;  // sample index, ascending; value, NaN where it is none

struct SampleDifference {
  int64_t samples = 0;   // N: every pair has a number for them
  int64_t left_out = 0;  // some pair, or one of its two models, has none or a NaN
  Estimate these_models;
  PairedDifference other_trainings;
  std::optional<double> both_half_width;  // of the 95 % interval
};

// Index by index; NaN where one of the two has no number.
SampleValues subtract(const SampleValues& values, const SampleValues& base);
// Index by index, the mean over all; NaN where one has no number.
SampleValues mean_by_sample(const std::vector<SampleValues>& all);

// One list a pair, or a cluster of pairs.
SampleDifference sample_difference(const std::vector<SampleValues>& differences);

}  // namespace tessera
