#include "experiment/statistics.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace tessera {

double t_half_width(double deviation, int64_t n, double confidence) {
  const boost::math::students_t distribution(static_cast<double>(n - 1));
  return boost::math::quantile(distribution, 0.5 + confidence / 2) * deviation / std::sqrt(static_cast<double>(n));
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
  const double deviation = std::sqrt(squares / static_cast<double>(result.n - 1));
  if (!std::isfinite(deviation)) return result;
  result.deviation = deviation;
  result.half_width = t_half_width(deviation, result.n);
  return result;
}

}  // namespace tessera
