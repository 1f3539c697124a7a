#include "metrics/code_counts.hpp"

#include <ATen/Functions.h>

#include <stdexcept>

namespace tessera {

at::Tensor plane_ids(const at::Tensor& ids_MN, const TokenLayout& layout, int64_t plane) {
  const int64_t begin = layout.offset(plane);
  return ids_MN.slice(1, begin, begin + layout.planes()[static_cast<size_t>(plane)].positions()).to(at::kLong);
}

std::vector<at::Tensor> code_counts(const at::Tensor& ids_MN, const TokenLayout& layout) {
  if (ids_MN.dim() != 2 || ids_MN.size(1) != layout.length()) throw std::invalid_argument("code_counts: ids do not fit the layout");
  std::vector<at::Tensor> result;
  for (size_t plane = 0; plane < layout.planes().size(); plane++) {
    const int64_t vocabulary = layout.planes()[plane].vocabulary;
    const at::Tensor ids = plane_ids(ids_MN, layout, static_cast<int64_t>(plane)).flatten();
    if (ids.numel() > 0 && (ids.min().item<int64_t>() < 0 || ids.max().item<int64_t>() >= vocabulary)) {
      throw std::invalid_argument("code_counts: an id lies outside the vocabulary of its plane");
    }
    result.push_back(at::bincount(ids, {}, vocabulary).to(at::kDouble));
  }
  return result;
}

double entropy(const at::Tensor& counts_K) {
  const at::Tensor p = counts_K / counts_K.sum();
  return -at::xlogy(p, p).sum().item<double>();
}

double total_variation(const at::Tensor& counts_p_K, const at::Tensor& counts_q_K) {
  return 0.5 * (counts_p_K / counts_p_K.sum() - counts_q_K / counts_q_K.sum()).abs().sum().item<double>();
}

}  // namespace tessera
