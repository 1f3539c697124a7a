#include "experiment/statistics/paired.hpp"

#include <algorithm>
#include <array>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

namespace tessera {
namespace {

// All sums of the values with every choice of signs, sorted.
std::vector<double> signed_sums(const double* begin, const double* end) {
  std::vector<double> sums = {0};
  for (const double* value = begin; value != end; ++value) {
    std::vector<double> next;
    next.reserve(2 * sums.size());
    for (double sum : sums) next.insert(next.end(), {sum - *value, sum + *value});
    sums = std::move(next);
  }
  std::sort(sums.begin(), sums.end());
  return sums;
}

}  // namespace

// Meet in the middle: of the 2^n sums only 2^(n/2) of each half are made; pairs are counted with two fingers.
double sign_flip_p(const std::vector<double>& differences) {
  const auto *begin = differences.data(), *middle = begin + differences.size() / 2, *end = begin + differences.size();
  const auto low = signed_sums(begin, middle), high = signed_sums(middle, end);
  const double found = std::abs(std::accumulate(differences.begin(), differences.end(), 0.0));
  // Sums that are equal but for rounding count as equal.
  double scale = 0;
  for (double value : differences) scale += std::abs(value);
  const double bound = found - 1e-12 * scale;
  double as_far = 0;
  size_t above = high.size(), below = 0;
  // As `a` rises, more of `high` reaches +bound and fewer stay at or under -bound; a sum of both signs is counted once.
  for (double a : low) {
    while (above > 0 && a + high[above - 1] >= bound) --above;
    as_far += static_cast<double>(high.size() - above);
  }
  if (bound <= 0) return 1;  // every sum is at least as far from 0
  for (auto a = low.rbegin(); a != low.rend(); ++a) {
    while (below < high.size() && *a + high[below] <= -bound) ++below;
    as_far += static_cast<double>(below);
  }
  return as_far / std::exp2(static_cast<double>(differences.size()));
}

// A draw of signs for eight differences is a byte, and what they sum to a look-up.
double random_sign_flip_p(const std::vector<double>& differences) {
  std::vector<std::array<double, 256>> sums((differences.size() + 7) / 8);
  for (size_t i = 0; i < differences.size(); ++i)
    for (size_t byte = 0; byte < 256; ++byte) {
      const double value = (byte >> (i % 8) & 1) != 0 ? differences[i] : -differences[i];
      sums[i / 8][byte] = i % 8 == 0 ? value : sums[i / 8][byte] + value;
    }
  double found = 0, scale = 0;
  for (const double value : differences) found += value, scale += std::abs(value);
  const double bound = std::abs(found) - 1e-12 * scale;
  std::mt19937_64 random(0);
  int64_t as_far = 1;
  for (int64_t i = 0; i < kRandomFlips; ++i) {
    double sum = 0;
    uint64_t signs = 0;
    for (size_t k = 0; k < sums.size(); ++k, signs >>= 8) {
      if (k % 8 == 0) signs = random();
      sum += sums[k][signs & 255];
    }
    as_far += std::abs(sum) >= bound;
  }
  return static_cast<double>(as_far) / static_cast<double>(kRandomFlips + 1);
}

double paired_power(double effect, int64_t n, double alpha) {
  const double degrees = static_cast<double>(n - 1);
  const double critical = boost::math::quantile(boost::math::students_t(degrees), 1 - alpha / 2);
  const double shift = std::abs(effect) * std::sqrt(static_cast<double>(n));
  if (shift == 0) return alpha;
  if (shift > 100 * critical) return 1;  // and beyond what the series of the non-central t takes
  const boost::math::non_central_t distribution(degrees, shift);
  return boost::math::cdf(boost::math::complement(distribution, critical)) + boost::math::cdf(distribution, -critical);
}

double detectable_effect(int64_t n, double power, double alpha) {
  double low = 0, high = 1;
  while (paired_power(high, n, alpha) < power) high *= 2;
  for (int i = 0; i < 100 && high - low > 1e-12 * high; ++i) {
    const double middle = (low + high) / 2;
    (paired_power(middle, n, alpha) < power ? low : high) = middle;
  }
  return high;
}

namespace {

// A comparison asks it for every arm and metric, and n is nearly always the same.
double known_detectable_effect(int64_t n) {
  thread_local std::map<int64_t, double> known;
  const auto found = known.find(n);
  return found != known.end() ? found->second : known[n] = detectable_effect(n);
}

}  // namespace

std::optional<int64_t> pairs_needed(double effect) {
  int64_t low = 1, high = 10000;  // known_detectable_effect(low) > effect >= known_detectable_effect(high)
  if (!(known_detectable_effect(high) <= effect)) return std::nullopt;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (known_detectable_effect(middle) > effect ? low : high) = middle;
  }
  return high;
}

int64_t exact_pairs(int64_t comparisons) {
  int64_t n = 1;
  for (double least = 1; least * static_cast<double>(comparisons) > 0.05; least /= 2) ++n;
  return n;
}

std::optional<double> pairs_missing(const PairedDifference& paired, int64_t comparisons) {
  const auto& e = paired.estimate;
  if (!e.deviation || *e.deviation == 0) return std::nullopt;
  const auto needed = pairs_needed(std::abs(e.mean) / *e.deviation);
  if (!needed) return std::numeric_limits<double>::infinity();
  return static_cast<double>(std::max<int64_t>(0, std::max(*needed, exact_pairs(comparisons)) - e.n));
}

PairedDifference paired_difference(const std::vector<double>& differences, bool tested) {
  PairedDifference result;
  result.estimate = estimate(differences);
  const int64_t n = result.estimate.n;
  result.least_p = std::min(1.0, 2 / std::exp2(static_cast<double>(n)));
  if (n > kMostSignFlips) result.least_p = std::max(result.least_p, 1 / static_cast<double>(kRandomFlips + 1));
  std::vector<double> numbers;
  std::copy_if(differences.begin(), differences.end(), std::back_inserter(numbers), [](double d) { return !std::isnan(d); });
  const double scale = std::accumulate(numbers.begin(), numbers.end(), 0.0, [](double sum, double d) { return sum + std::abs(d); });
  if (tested && n > 0 && std::isfinite(scale)) result.p = n <= kMostSignFlips ? sign_flip_p(numbers) : random_sign_flip_p(numbers);
  if (n > 1 && result.estimate.deviation) result.detectable = *result.estimate.deviation * known_detectable_effect(n);
  return result;
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(p.size() - rank) * p[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace tessera
