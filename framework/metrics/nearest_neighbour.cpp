#include "metrics/nearest_neighbour.hpp"

#include <ATen/Functions.h>

#include <algorithm>

#include "metrics/neighbours.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

// Mean squared error of [0, 1] pixels to the nearest image.
at::Tensor nearest_pixels(const at::Tensor& images_MCHW, const at::Tensor& reference_MCHW) {
  return nearest_rows(images_MCHW.flatten(1), reference_MCHW.flatten(1)).distance_M.square() / images_MCHW[0].numel();
}

// As many rows as validation has, by a fixed key.
at::Tensor train_subset(int64_t train, int64_t validation) {
  return Noise(0, "metrics").permutation(train, "nearest_neighbour").slice(0, 0, std::min(train, validation));
}

}  // namespace

double closer_to_train(const at::Tensor& train_distance_M, const at::Tensor& validation_distance_M) {
  const at::Tensor nearer = train_distance_M.lt(validation_distance_M).to(at::kDouble);
  return (nearer + train_distance_M.eq(validation_distance_M).to(at::kDouble) / 2).mean().item<double>();
}

SamplesMetric nearest_train_metric() {
  return {{{"nearest_train_pixels", 1, "samples", "step", "none", "", false,
            "Mean squared error of [0, 1] pixels to the nearest train image; mean over samples."},
           {"nearest_train_pixels_sample", 1, "samples", "sample", "none", "", false, "nearest_train_pixels of one sample."},
           {"nearest_train_random_features", 1, "samples", "step", "none", "", false,
            "Euclidean distance to the nearest train image on random features; mean over samples."},
           {"closer_to_train", 1, "samples", "step", "none", "", false,
            "Part of the samples nearer to a train image than to a validation image on random features, with as many train images "
            "as validation images, drawn by a fixed key: 0.5 = no preference, 1 = memorised."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            add_mean_and_samples("nearest_train_pixels", nearest_pixels(s.samples.images_MCHW, s.reference.train_images_MCHW), scores);
            const at::Tensor distance_M = nearest_rows(s.features_MF, s.train_features_MF).distance_M;
            scores.push_back({"nearest_train_random_features", distance_M.mean().item<double>(), {}});
            const at::Tensor subset = train_subset(s.train_features_MF.size(0), s.validation_features_MF.size(0));
            scores.push_back({"closer_to_train",
                              closer_to_train(nearest_rows(s.features_MF, s.train_features_MF.index_select(0, subset)).distance_M,
                                              nearest_rows(s.features_MF, s.validation_features_MF).distance_M),
                              {}});
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
