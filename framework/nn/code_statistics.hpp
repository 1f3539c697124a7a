// How evenly a batch uses the codes. Of a batch, not of a data set: its perplexity is at most its number of tokens.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace tessera {

// "batch_usage", the share of codes that occur, and "batch_perplexity", exp of the entropy in nats.
std::map<std::string, at::Tensor> code_statistics(const at::Tensor& ids, int64_t codes);

}  // namespace tessera
