// Which coarse codes stand side by side: the least statistic of tokens that sees structure, on tokens alone.
#pragma once
#include <vector>

#include "metrics/declare.hpp"

namespace tessera {

inline constexpr int64_t kCoarseCodes = 16;

// K -> cluster of each code, int64 in [0, 16): k-means of the code vectors (k-means++ start by a fixed key, float64, 50 rounds at most).
// Of K <= 16 codes each is its own cluster. Without vectors (undefined) codes are cut into 16 equal ranges of the index.
at::Tensor coarse_codes(const at::Tensor& codes_KD, int64_t vocabulary);
// 16 x 16 counts of (left, right) and of (above, below); above/below empty (undefined) for a plane that is not spatial.
struct Bigrams {
  at::Tensor across, down;
};
Bigrams count_bigrams(const at::Tensor& coarse_MN, const Plane& plane);
SamplesMetric coarse_bigram_metric();

}  // namespace tessera
