// How much of the codebook is in use on a fixed probe set: the validation images.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// Of one plane's counts: part of the codes that occur; exp of the entropy in nats, in [1, K].
double codebook_usage(const at::Tensor& counts_K);
double codebook_perplexity(const at::Tensor& counts_K);
TokenizerMetric codebook_metric();

}  // namespace tessera
