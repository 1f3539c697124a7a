#include "metrics/counts.hpp"

namespace tessera {

TokenizerMetric image_count_metric() {
  return {{{"images", 1, "tokenizer", "step", "none", "", false, "Number of validation images that were reconstructed."}},
          [](const TokenizerEvidence& e, std::vector<Score>& scores) {
            scores.push_back({"images", static_cast<double>(e.images_MCHW.size(0)), {}});
          }};
}

PriorMetric sequence_count_metric() {
  return {{{"sequences", 1, "prior", "step", "none", "", false, "Number of validation sequences that were scored."},
           {"scan_line_sequences", 1, "prior", "step", "none", "", false, "Number of them read as scan line."}},
          [](const PriorEvidence& e, std::vector<Score>& scores) {
            scores.push_back({"sequences", static_cast<double>(e.nats_M.size(0)), {}});
            if (e.scan_line_nats_M.defined()) {
              scores.push_back({"scan_line_sequences", static_cast<double>(e.scan_line_nats_M.size(0)), {}});
            }
          }};
}

SamplesMetric sample_count_metric() {
  return {
      {{"samples", 1, "samples", "step", "none", "", false, "Number of samples."},
       {"train_references", 1, "samples", "step", "none", "", false, "Number of train images that samples are compared with."},
       {"validation_references", 1, "samples", "step", "none", "", false, "Number of validation images that samples are compared with."}},
      [](const SamplesStudy& s, std::vector<Score>& scores) {
        scores.push_back({"samples", static_cast<double>(s.samples.images_MCHW.size(0)), {}});
        scores.push_back({"train_references", static_cast<double>(s.reference.train_images_MCHW.size(0)), {}});
        scores.push_back({"validation_references", static_cast<double>(s.reference.validation_images_MCHW.size(0)), {}});
      },
      true};
}

}  // namespace tessera
