// How near samples are to what was trained on, against how near they are to what was not: memorisation shows as samples that are nearer
// to train than validation images are. Both distances are to all of train, so its size favours neither.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// Chance that a sample's distance to train is less than a validation image's, ties half, over all pairs.
double closer_to_train(const at::Tensor& samples_M, const at::Tensor& validation_L);
SamplesMetric nearest_train_metric();
SamplesMetric nearest_validation_metric();

}  // namespace tessera
