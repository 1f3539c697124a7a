#include "nn/conv_blocks.hpp"

#include <algorithm>
#include <numeric>

namespace tessera {

namespace {

torch::nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
}

torch::nn::Conv2d zero_conv(int64_t in, int64_t out, int64_t kernel) {
  auto layer = conv(in, out, kernel);
  torch::nn::init::zeros_(layer->weight);
  torch::nn::init::zeros_(layer->bias);
  return layer;
}

}  // namespace

torch::nn::GroupNorm group_norm(int64_t channels) {
  return torch::nn::GroupNorm(torch::nn::GroupNormOptions(std::gcd<int64_t>(channels, 8), channels));
}

ResidualBlock::ResidualBlock(int64_t channels)
    : norm_(register_module("norm", group_norm(channels))), look_(register_module("look", conv(channels, channels, 3))),
      mix_(register_module("mix", zero_conv(channels, channels, 1))) {}

at::Tensor ResidualBlock::forward(const at::Tensor& x_BChw) { return x_BChw + mix_(torch::silu(look_(norm_(x_BChw)))); }

CellAttention::CellAttention(int64_t channels)
    : norm_(register_module("norm", group_norm(channels))), qkv_(register_module("qkv", conv(channels, 3 * channels, 1))),
      out_(register_module("out", zero_conv(channels, channels, 1))) {}

at::Tensor CellAttention::forward(const at::Tensor& x_BChw) {
  int64_t channels = x_BChw.size(1);
  auto qkv_BNE = cells_to_positions(qkv_(norm_(x_BChw))).unsqueeze(1);
  auto parts = qkv_BNE.split(channels, -1);
  auto mixed_BNC = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]).squeeze(1);
  return x_BChw + out_(positions_to_cells(mixed_BNC, x_BChw.size(2), x_BChw.size(3)));
}

SpaceToDepth::SpaceToDepth(int64_t in, int64_t out, int64_t side)
    : side_(side), mix_(register_module("mix", conv(in * side * side, out, 1))) {}

at::Tensor SpaceToDepth::forward(const at::Tensor& x_BChw) { return mix_(side_ == 1 ? x_BChw : torch::pixel_unshuffle(x_BChw, side_)); }

DepthToSpace::DepthToSpace(int64_t in, int64_t out, int64_t side, int64_t kernel)
    : side_(side), mix_(register_module("mix", conv(in, out * side * side, kernel))) {}

at::Tensor DepthToSpace::forward(const at::Tensor& x_BChw) {
  auto y = mix_(x_BChw);
  return side_ == 1 ? y : torch::pixel_shuffle(y, side_);
}

at::Tensor cells_to_positions(const at::Tensor& x_BChw) { return x_BChw.flatten(2).transpose(1, 2).contiguous(); }

at::Tensor positions_to_cells(const at::Tensor& z_BNC, int64_t height, int64_t width) {
  return z_BNC.transpose(1, 2).reshape({z_BNC.size(0), z_BNC.size(2), height, width});
}

}  // namespace tessera
