// What samples and training rows are conditioned on: which tokens are known from the start, and which label a row has.
#pragma once
#include <torch/torch.h>

#include <string>

#include "tessera/layout.hpp"
#include "tessera/noise.hpp"

namespace tessera {

// One mask for all rows: true where the token is known. Throws std::invalid_argument "found …, expected …".
//   free · top_half · bottom_half · left_half · right_half · border (the middle half of each axis is unknown)
//   random:F (fraction F of all positions, drawn by `seed`) · cells:0101… (one digit a position)
at::Tensor known_mask_N(const std::string& request, const TokenLayout& layout, uint64_t seed);

// The label of each sample index: "train" draws from the training labels by (seed, index); "null" is -1; class numbers repeat.
// Throws std::invalid_argument.
at::Tensor sample_labels(const std::vector<std::string>& labels, const at::Tensor& train_labels_M, int64_t classes,
                         const at::Tensor& sample_B, uint64_t seed);

// Each label becomes -1 with this probability, row by row: what classifier-free guidance needs in training (2207.12598).
at::Tensor drop_labels(const at::Tensor& label_B, double probability, const Noise& noise);

}  // namespace tessera
