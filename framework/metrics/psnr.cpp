#include "metrics/psnr.hpp"

#include "metrics/pixels.hpp"

namespace tessera {
namespace {

at::Tensor decibels(const at::Tensor& mse_M) { return mse_M.clamp_min(1e-10).log10().mul(-10); }

}  // namespace

at::Tensor psnr(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW) { return decibels((a_MCHW - b_MCHW).square().flatten(1).mean(1)); }

at::Tensor ink_psnr(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW) {
  const at::Tensor ink_M1HW = a_MCHW.lt(1).any(1, true).to(at::kDouble);
  const at::Tensor sum_M = ((a_MCHW - b_MCHW).square() * ink_M1HW).flatten(1).sum(1);
  // 0 / 0 is NaN, and NaN passes the clamp.
  return decibels(sum_M / (ink_M1HW.flatten(1).sum(1) * a_MCHW.size(1)));
}

TokenizerMetric psnr_metric() {
  return {{{"psnr", 1, "tokenizer", "step", "max", "dB", false,
            "Peak signal-to-noise ratio on the [0, 1] range (peak 1), reconstruction clamped, MSE over pixels and channels of one image; "
            "mean of the images' dB, at most 100."},
           {"psnr_sample", 1, "tokenizer", "sample", "max", "dB", false, "psnr of one image."}},
          [](const TokenizerEvidence& e, std::vector<Score>& scores) {
            add_mean_and_samples("psnr", by_image(e.images_MCHW, e.reconstruction_MCHW, psnr), scores);
          }};
}

TokenizerMetric ink_psnr_metric() {
  return {{{"ink_psnr", 1, "tokenizer", "step", "max", "dB", false,
            "psnr over the pixels that are not white in the original; mean over validation images that have any."},
           {"ink_psnr_sample", 1, "tokenizer", "sample", "max", "dB", false, "ink_psnr of one image; NaN where it is all white."}},
          [](const TokenizerEvidence& e, std::vector<Score>& scores) {
            add_mean_and_samples("ink_psnr", by_image(e.images_MCHW, e.reconstruction_MCHW, ink_psnr), scores);
          }};
}

}  // namespace tessera
