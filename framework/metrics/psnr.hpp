// Peak signal-to-noise ratio, of all pixels and of those that are not white in the original (ink): icons on white are half
// background, which lifts the plain figure by 2 to 3 dB.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// a, b: M3HW float64 in [0, 1] -> M, in dB: -10 log10(MSE), peak 1. An MSE below 1e-10 counts as 1e-10 (100 dB).
at::Tensor psnr(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW);
// Over pixels where some channel of a is below 1; NaN for an image that is all white.
at::Tensor ink_psnr(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW);
TokenizerMetric psnr_metric();
TokenizerMetric ink_psnr_metric();

}  // namespace tessera
