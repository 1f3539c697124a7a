// Mean, deviation, interval. Every value is one distinct stage: trials that share a stage are one observation, not several.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace tessera {

struct Estimate {
  int64_t n = 0;                     // values that are numbers
  int64_t n_nan = 0;                 // those that are not
  double mean = 0;                   // NaN where n = 0
  std::optional<double> deviation;   // of the sample (n - 1); none below two values
  std::optional<double> half_width;  // of the 95 % t-interval of the mean; none below two values
};

Estimate estimate(const std::vector<double>& values);

// Student's t: the half width of a two-sided interval of the mean at this confidence.
double t_half_width(double deviation, int64_t n, double confidence = 0.95);

}  // namespace tessera
