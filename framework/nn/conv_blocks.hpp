// Blocks of convolutional autoencoders on images x_BChw: pre-norm residual blocks (1603.05027),
// attention over all cells (2012.09841), and changes of resolution by space to depth. What ends a residual branch starts at
// zero, so a new network is its shortcut and deep ones train from the first step.
#pragma once
#include <torch/torch.h>

namespace tessera {

// GroupNorm of at most eight groups that divide the channels.
torch::nn::GroupNorm group_norm(int64_t channels);

// GroupNorm, 3 x 3, SiLU, 1 x 1. One 3 x 3 alone, so that each block widens what a cell sees by one cell on each side.
class ResidualBlock : public torch::nn::Module {
 public:
  explicit ResidualBlock(int64_t channels);
  at::Tensor forward(const at::Tensor& x_BChw);

 private:
  torch::nn::GroupNorm norm_{nullptr};
  torch::nn::Conv2d look_{nullptr}, mix_{nullptr};
};

// One head over all cells; for the coarsest grid.
class CellAttention : public torch::nn::Module {
 public:
  explicit CellAttention(int64_t channels);
  at::Tensor forward(const at::Tensor& x_BChw);

 private:
  torch::nn::GroupNorm norm_{nullptr};
  torch::nn::Conv2d qkv_{nullptr}, out_{nullptr};
};

// Takes squares of `side` cells together, then mixes their channels.
class SpaceToDepth : public torch::nn::Module {
 public:
  SpaceToDepth(int64_t in, int64_t out, int64_t side);
  at::Tensor forward(const at::Tensor& x_BChw);

 private:
  int64_t side_;
  torch::nn::Conv2d mix_{nullptr};
};

// The other way: each cell becomes a square of `side` cells (sub-pixel convolution, 1609.05158). `kernel` is 1 or 3.
class DepthToSpace : public torch::nn::Module {
 public:
  DepthToSpace(int64_t in, int64_t out, int64_t side, int64_t kernel);
  at::Tensor forward(const at::Tensor& x_BChw);
  const at::Tensor& weight() const { return mix_->weight; }

 private:
  int64_t side_;
  torch::nn::Conv2d mix_{nullptr};
};

// x_BChw <-> z_BNC, N = h * w row-major.
at::Tensor cells_to_positions(const at::Tensor& x_BChw);
at::Tensor positions_to_cells(const at::Tensor& z_BNC, int64_t height, int64_t width);

}  // namespace tessera
