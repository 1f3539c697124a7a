// How near samples are to what was trained on, against how near they are to what was not: memorisation shows as samples that are nearer
// to train. A larger set is nearer by its size alone, so the comparison takes as many train images as there are validation images.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// Part of the rows whose nearest of train is nearer than that of validation; half a row where they are equal.
double closer_to_train(const at::Tensor& train_distance_M, const at::Tensor& validation_distance_M);
SamplesMetric nearest_train_metric();
SamplesMetric nearest_validation_metric();

}  // namespace tessera
