// Likelihood in bits a token, one number for every prior: exact for ranked ones, an upper bound for any-order ones
// (order-agnostic, 2110.02037). The engine asks sessions for the log-likelihoods; here they become scores.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// nats_M of sequences of `tokens` tokens -> bits a token, M.
at::Tensor bits_per_token(const at::Tensor& nats_M, int64_t tokens);
PriorMetric bits_per_token_metric();

}  // namespace tessera
