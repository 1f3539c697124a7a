#include "metrics/ssim.hpp"

#include <ATen/Functions.h>

#include "metrics/pixels.hpp"

namespace tessera {
namespace {

at::Tensor gaussian_window() {
  const at::Tensor offset = at::arange(kSsimWindow, at::kDouble) - kSsimWindow / 2;
  const at::Tensor weight = (offset.square() / (-2 * 1.5 * 1.5)).exp();
  return weight / weight.sum();
}

}  // namespace

at::Tensor ssim(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW) {
  constexpr double kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;
  const at::Tensor window = gaussian_window();
  const int64_t height = a_MCHW.size(2), width = a_MCHW.size(3);
  // Separable, each channel on its own.
  const auto smooth = [&](const at::Tensor& x) {
    const at::Tensor planes = x.reshape({-1, 1, height, width});
    return at::conv2d(at::conv2d(planes, window.view({1, 1, -1, 1})), window.view({1, 1, 1, -1}));
  };
  const at::Tensor mean_a = smooth(a_MCHW), mean_b = smooth(b_MCHW);
  const at::Tensor var_a = smooth(a_MCHW.square()) - mean_a.square(), var_b = smooth(b_MCHW.square()) - mean_b.square();
  const at::Tensor covariance = smooth(a_MCHW * b_MCHW) - mean_a * mean_b;
  const at::Tensor map =
      ((2 * mean_a * mean_b + kC1) * (2 * covariance + kC2)) / ((mean_a.square() + mean_b.square() + kC1) * (var_a + var_b + kC2));
  return map.reshape({a_MCHW.size(0), -1}).mean(1);
}

TokenizerMetric ssim_metric() {
  return {{{"ssim", 1, "tokenizer", "step", "max", "", false,
            "Structural similarity, Gaussian window 11 x 11 of sigma 1.5, per channel on the [0, 1] range, as scikit-image's with "
            "gaussian_weights and population covariance; mean over validation images."},
           {"ssim_sample", 1, "tokenizer", "sample", "max", "", false, "ssim of one image."}},
          [](const TokenizerEvidence& e, std::vector<Score>& scores) {
            if (e.images_MCHW.size(2) < kSsimWindow || e.images_MCHW.size(3) < kSsimWindow) return;
            add_mean_and_samples("ssim", by_image(e.images_MCHW, e.reconstruction_MCHW, ssim), scores);
          }};
}

}  // namespace tessera
