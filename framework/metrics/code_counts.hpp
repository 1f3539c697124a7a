// How often each code stands in each plane.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "tessera/layout.hpp"

namespace tessera {

// ids_MN of the layout's length -> one float64 K a plane. Throws std::invalid_argument for ids outside their vocabulary.
std::vector<at::Tensor> code_counts(const at::Tensor& ids_MN, const TokenLayout& layout);
// -sum p log p in nats of counts.
double entropy(const at::Tensor& counts_K);
// 0.5 * sum |p - q| of two counts.
double total_variation(const at::Tensor& counts_p_K, const at::Tensor& counts_q_K);
// ids of one plane, int64.
at::Tensor plane_ids(const at::Tensor& ids_MN, const TokenLayout& layout, int64_t plane);

}  // namespace tessera
