#include "nn/code_statistics.hpp"

#include <torch/torch.h>

namespace tessera {

std::map<std::string, at::Tensor> code_statistics(const at::Tensor& ids, int64_t codes) {
  torch::NoGradGuard no_grad;
  auto count_K = torch::bincount(ids.flatten(), {}, codes).to(torch::kFloat);
  auto p_K = count_K / count_K.sum().clamp_min(1);
  auto entropy = -torch::xlogy(p_K, p_K).sum();
  return {{"batch_usage", (count_K > 0).to(torch::kFloat).mean()}, {"batch_perplexity", entropy.exp()}};
}

}  // namespace tessera
