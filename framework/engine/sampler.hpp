// Draws samples in tiles: aligned blocks of sample indices, always whole, so that a sample has the same bits however many are
// asked for, in what order, in how many processes.
#pragma once
#include <functional>
#include <memory>

#include "engine/options.hpp"
#include "tessera/prior.hpp"
#include "tessera/sampling.hpp"

namespace tessera {

struct SampleRequest {
  uint64_t seed = 0;
  int64_t tile = 32;
  LogitsOptions logits;
  // For a block of sample indices (int64 B): labels (int64 B), and known ids (int64 B x N, -1 = unknown).
  std::function<at::Tensor(const at::Tensor&)> labels_of;
  std::function<at::Tensor(const at::Tensor&)> known_of;
};

struct Tile {
  at::Tensor sample_B;        // sample indices
  at::Tensor ids_BN;          // int64
  at::Tensor commit_step_BN;  // int32, -1 = known
  at::Tensor logp_B;          // float32: sum of log p of the drawn tokens, each when it was committed
  at::Tensor label_B;
  std::vector<uint64_t> logit_hash_B;
  Cost cost;
};

// Tile `index` holds samples [index * tile, (index + 1) * tile).
Tile sample_tile(Prior& prior, SamplingStrategy& strategy, const TokenLayout& layout, const SampleRequest& request, int64_t index);

// Why this strategy cannot run on this prior, in words that fit behind "sampling '…' on prior '…': "; empty where it can.
std::string refusal(const Needs& needs, const Order& order, const TokenLayout& layout);

}  // namespace tessera
