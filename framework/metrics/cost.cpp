#include "metrics/cost.hpp"

namespace tessera {

SamplesMetric cost_metric() {
  return {{{"evaluations", 1, "samples", "step", "min", "", false, "Forward passes of the network to draw one tile of samples."},
           {"token_forwards", 1, "samples", "step", "min", "", false,
            "Tokens that went through the network for one image, guidance rows included."},
           {"seconds_per_image", 1, "samples", "step", "min", "s", true,
            "Wall time of sampling and decoding over the images computed, rows that fill up a tile included."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            const SamplesEvidence& e = s.samples;
            if (e.rows == 0 || e.tiles == 0) return;
            const auto per = [](auto value, int64_t count) { return static_cast<double>(value) / static_cast<double>(count); };
            scores.push_back({"evaluations", per(e.cost.evaluations, e.tiles), {}});
            scores.push_back({"token_forwards", per(e.cost.token_forwards, e.rows), {}});
            scores.push_back({"seconds_per_image", per(e.seconds, e.rows), {}});
          }};
}

}  // namespace tessera
