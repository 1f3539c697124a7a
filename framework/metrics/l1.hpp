// Mean absolute error of pixels.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// a, b: M3HW float64 in [0, 1] -> M.
at::Tensor l1(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW);
TokenizerMetric l1_metric();

}  // namespace tessera
