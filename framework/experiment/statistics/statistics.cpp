#include "experiment/statistics/statistics.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace tessera {

namespace {

// Found by iteration; a comparison asks it for every cell and metric, and n is nearly always the same.
double known_t_quantile(int64_t n, double confidence) {
  thread_local std::map<std::pair<int64_t, double>, double> known;
  const auto [place, is_new] = known.try_emplace({n, confidence});
  if (is_new) place->second = boost::math::quantile(boost::math::students_t(static_cast<double>(n - 1)), 0.5 + confidence / 2);
  return place->second;
}

}  // namespace

double t_half_width(double deviation, int64_t n, double confidence) {
  return known_t_quantile(n, confidence) * deviation / std::sqrt(static_cast<double>(n));
}

Estimate estimate(const std::vector<double>& values) {
  Estimate result;
  double sum = 0;
  for (double value : values) {
    if (std::isnan(value)) {
      ++result.n_nan;
      continue;
    }
    ++result.n;
    sum += value;
  }
  result.mean = result.n > 0 ? sum / static_cast<double>(result.n) : std::numeric_limits<double>::quiet_NaN();
  if (result.n < 2) return result;
  // Two passes: values of a metric often agree in their leading digits.
  double squares = 0;
  for (double value : values)
    if (!std::isnan(value)) squares += (value - result.mean) * (value - result.mean);
  double deviation = std::sqrt(squares / static_cast<double>(result.n - 1));
  if (!std::isfinite(deviation)) return result;
  if (deviation <= 1e-12 * std::abs(result.mean)) deviation = 0;  // values that are equal but for rounding
  result.deviation = deviation;
  result.half_width = t_half_width(deviation, result.n);
  return result;
}

}  // namespace tessera
