// Is the difference real? Differences paired by seed: what two cells share (the seed's draw, a pinned tokenizer) cancels. Each value
// is one pair of distinct stages; two cells that share a stage are not compared at all.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "experiment/statistics/statistics.hpp"

namespace tessera {

struct PairedDifference {
  Estimate estimate;                 // of the differences: n pairs, mean, deviation, half width of the 95 % t-interval
  std::optional<double> p;           // sign-flip test, two-sided, exact up to kMostSignFlips pairs; none without pairs
  double least_p = 1;                // the smallest p that so many pairs can give: 2 / 2^n, and with random flips one of them
  std::optional<double> detectable;  // the smallest true difference that these pairs would show with 80 % power; none below two
};

inline constexpr int64_t kMostSignFlips = 24, kRandomFlips = 100'000;

// The fewest pairs whose sign-flip test can reach 0.05 after Holm's correction for so many comparisons: comparisons * 2 / 2^n <= 0.05.
// 6 for one comparison.
int64_t exact_pairs(int64_t comparisons);

// Pairs with a NaN are left out and counted in estimate.n_nan. Without `tested` there is no p.
PairedDifference paired_difference(const std::vector<double>& differences, bool tested = true);

// The share of all 2^n ways to flip the differences' signs whose sum is as far from 0 as the one found (Fisher 1935). Assumes that
// differences are symmetric about 0 where there is no effect, not that they are normal. Time and memory grow with 2^(n/2).
double sign_flip_p(const std::vector<double>& differences);
// The same from kRandomFlips random ways, the one found counted among them (Phipson and Smyth 2010); the same number at every call.
double random_sign_flip_p(const std::vector<double>& differences);

// Of a two-sided paired t-test at level `alpha`: the chance to see a true mean difference of `effect` deviations with n pairs.
double paired_power(double effect, int64_t n, double alpha = 0.05);
// The effect, in deviations, that n >= 2 pairs see with this power.
double detectable_effect(int64_t n, double power = 0.8, double alpha = 0.05);
// Pairs needed to see `effect` deviations with 80 % power at level 0.05; none above 10,000.
std::optional<int64_t> pairs_needed(double effect);
// How many pairs more than there are would show a difference of the size and spread found, with 80 % power (t-test at 0.05), and no
// fewer in all than exact_pairs(comparisons). None where there is no spread; infinite where more than 10,000 would be needed.
std::optional<double> pairs_missing(const PairedDifference& paired, int64_t comparisons);

// p-values after Holm's correction for as many comparisons as there are values (Holm 1979), in the same order.
std::vector<double> holm(const std::vector<double>& p);

}  // namespace tessera
