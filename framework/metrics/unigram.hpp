// What code frequencies alone say: a floor under every prior, and a distance that cannot see structure.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// Cross entropy of the validation tokens under the train frequencies with one added to each count, bits a token, all planes.
double unigram_bits(const at::Tensor& train_ids_MN, const at::Tensor& validation_ids_MN, const TokenLayout& layout);
PriorMetric unigram_bits_metric();
SamplesMetric unigram_tv_metric();

}  // namespace tessera
