// Structural similarity (Wang et al. 2004): Gaussian window, sigma 1.5, 11 x 11. The same numbers as scikit-image's
// structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=0).
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

inline constexpr int64_t kSsimWindow = 11;
// a, b: M3HW float64 in [0, 1], both sides at least 11 -> M. The border of 5 pixels has no whole window and is left out.
at::Tensor ssim(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW);
TokenizerMetric ssim_metric();

}  // namespace tessera
