#include "metrics/l1.hpp"

#include "metrics/pixels.hpp"

namespace tessera {

at::Tensor l1(const at::Tensor& a_MCHW, const at::Tensor& b_MCHW) { return (a_MCHW - b_MCHW).abs().flatten(1).mean(1); }

TokenizerMetric l1_metric() {
  return {{{"l1", 1, "tokenizer", "step", "min", "", false,
            "Mean absolute pixel error on the [0, 1] range, reconstruction clamped; mean over validation images."},
           {"l1_sample", 1, "tokenizer", "sample", "min", "", false, "l1 of one image."}},
          [](const TokenizerEvidence& e, std::vector<Score>& scores) {
            add_mean_and_samples("l1", by_image(e.images_MCHW, e.reconstruction_MCHW, l1), scores);
          }};
}

}  // namespace tessera
