#include "metrics/nearest_neighbour.hpp"

#include <ATen/Functions.h>

#include <algorithm>

#include "metrics/neighbours.hpp"

namespace tessera {
namespace {

// Mean squared error of [0, 1] pixels to the nearest image.
at::Tensor nearest_pixels(const at::Tensor& images_MCHW, const at::Tensor& reference_MCHW) {
  return nearest_rows(images_MCHW.flatten(1), reference_MCHW.flatten(1)).distance_M.square() / images_MCHW[0].numel();
}

}  // namespace

double closer_to_train(const at::Tensor& samples_M, const at::Tensor& validation_L) {
  const at::Tensor sorted = std::get<0>(validation_L.sort());
  const at::Tensor above = sorted.size(0) - at::searchsorted(sorted, samples_M, false, true),
                   at_least = sorted.size(0) - at::searchsorted(sorted, samples_M);
  return ((above + at_least).to(at::kDouble) / 2).mean().item<double>() / static_cast<double>(sorted.size(0));
}

SamplesMetric nearest_train_metric() {
  return {{{"nearest_train_pixels", 1, "samples", "step", "none", "", false,
            "Mean squared error of [0, 1] pixels to the nearest train image; mean over samples."},
           {"nearest_train_pixels_sample", 1, "samples", "sample", "none", "", false, "nearest_train_pixels of one sample."},
           {"nearest_train_random_features", 1, "samples", "step", "none", "", false,
            "Euclidean distance to the nearest train image on random features; mean over samples."},
           {"closer_to_train", 2, "samples", "step", "none", "", false,
            "Chance that a sample lies nearer to its nearest train image than a validation image does to its own, on random features, "
            "ties half (2004.05675): 0.5 = as new as validation images, 1 = memorised."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            add_mean_and_samples("nearest_train_pixels", nearest_pixels(s.samples.images_MCHW, s.reference.train_images_MCHW), scores);
            const at::Tensor distance_M = nearest_rows(s.features_MF, s.train_features_MF).distance_M;
            scores.push_back({"nearest_train_random_features", distance_M.mean().item<double>(), {}});
            const at::Tensor validation_L = nearest_rows(s.validation_features_MF, s.train_features_MF).distance_M;
            scores.push_back({"closer_to_train", closer_to_train(distance_M, validation_L), {}});
          }};
}

SamplesMetric nearest_validation_metric() {
  return {{{"nearest_validation_pixels", 1, "samples", "step", "none", "", false,
            "Mean squared error of [0, 1] pixels to the nearest validation image; mean over samples."},
           {"nearest_validation_random_features", 1, "samples", "step", "none", "", false,
            "Euclidean distance to the nearest validation image on random features; mean over samples."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            const at::Tensor pixels_M = nearest_pixels(s.samples.images_MCHW, s.reference.validation_images_MCHW);
            scores.push_back({"nearest_validation_pixels", pixels_M.mean().item<double>(), {}});
            const at::Tensor distance_M = nearest_rows(s.features_MF, s.validation_features_MF).distance_M;
            scores.push_back({"nearest_validation_random_features", distance_M.mean().item<double>(), {}});
          },
          true};
}

}  // namespace tessera
