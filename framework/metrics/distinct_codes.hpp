// How many different codes an image has: the first thing that collapses when a sampler is too confident.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// ids_MN -> M, float64; planes count apart.
at::Tensor distinct_codes(const at::Tensor& ids_MN, const TokenLayout& layout);
SamplesMetric distinct_codes_metric();

}  // namespace tessera
