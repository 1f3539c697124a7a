#include "metrics/precision_recall.hpp"

#include "metrics/neighbours.hpp"

namespace tessera {
namespace {
constexpr int64_t kNeighbour = 3;
}

PrecisionRecall precision_recall(const at::Tensor& samples_MF, const at::Tensor& real_LF, int64_t k) {
  const auto covered = [&](const at::Tensor& points, const at::Tensor& centres) {
    return within_radius(points, centres, kth_neighbour_distance(centres, k)).to(at::kDouble).mean().item<double>();
  };
  return {covered(samples_MF, real_LF), covered(real_LF, samples_MF)};
}

SamplesMetric precision_recall_metric() {
  return {{{"precision_random_features", 1, "samples", "step", "max", "", false,
            "Part of the samples within the k = 3 neighbourhood (1904.06991) of some validation image, on random features."},
           {"recall_random_features", 1, "samples", "step", "max", "", false,
            "Part of the validation images within the k = 3 neighbourhood of some sample, on random features."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            if (s.features_MF.size(0) <= kNeighbour || s.validation_features_MF.size(0) <= kNeighbour) return;
            const auto result = precision_recall(s.features_MF, s.validation_features_MF, kNeighbour);
            scores.push_back({"precision_random_features", result.precision, {}});
            scores.push_back({"recall_random_features", result.recall, {}});
          },
          true};
}

}  // namespace tessera
