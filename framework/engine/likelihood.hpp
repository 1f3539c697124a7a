// Likelihood from decode sessions, so that priors of every kind are measured on one scale: nats of a whole sequence. `between` is
// called after every batch.
#pragma once
#include <torch/torch.h>

#include <functional>

#include "tessera/prior.hpp"

namespace tessera {

// float64 M: exact -log p of each row for a ranked prior, by teacher forcing: one forward pass a batch.
at::Tensor exact_nats(
    Prior& prior, const TokenLayout& layout, const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch,
    const std::function<void()>& between = [] {});

// float64 M: the order-agnostic upper bound (2110.02037), -log p <= N E_t [1/(N-t+1) sum over masked of -log p(x_i | visible)] with
// t - 1 visible tokens. `strata` values of t a row, one from each equal part of 1..N, visible sets drawn by (row, stratum):
// unbiased for the bound, and the same for every prior and every call.
at::Tensor order_agnostic_nats(
    Prior& prior, const TokenLayout& layout, const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch, int64_t strata,
    const std::function<void()>& between = [] {});

// float64 M: exact -log p of an any-order prior read in position order, N forward passes a batch.
at::Tensor scan_line_nats(
    Prior& prior, const TokenLayout& layout, const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch,
    const std::function<void()>& between = [] {});

}  // namespace tessera
