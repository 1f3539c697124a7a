#include "metrics/random_features.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tessera/noise.hpp"

namespace tessera {
namespace {

constexpr int64_t kBatch = 64;

std::vector<at::Tensor> make_weights(int64_t side) {
  const Noise noise(0, "random_features");
  std::vector<at::Tensor> weights;
  int64_t channels = 3;
  for (int64_t out = 32; weights.empty() || side > 4; side = (side + 1) / 2, out = kRandomFeatures) {
    const double scale = std::sqrt(2.0 / static_cast<double>(channels * 9));
    weights.push_back(noise.normal({out, channels, 3, 3}, "layer" + std::to_string(weights.size())).mul(scale));
    channels = out;
  }
  if (channels != kRandomFeatures) {
    weights.push_back(noise.normal({kRandomFeatures, channels, 3, 3}, "last").mul(std::sqrt(2.0 / static_cast<double>(channels * 9))));
  }
  return weights;
}

}  // namespace

at::Tensor random_features(const at::Tensor& images_MCHW) {
  const int64_t count = images_MCHW.size(0);
  const auto weights = make_weights(std::min(images_MCHW.size(2), images_MCHW.size(3)));
  at::Tensor result_MF = at::empty({count, kRandomFeatures}, at::kDouble);
  for (int64_t row = 0; row < count; row += kBatch) {
    const int64_t rows = std::min(kBatch, count - row);
    at::Tensor x = images_MCHW.slice(0, row, row + rows).to(at::kFloat).div(127.5).sub(1);
    if (rows < kBatch) x = at::constant_pad_nd(x, {0, 0, 0, 0, 0, 0, 0, kBatch - rows});
    for (const at::Tensor& weight : weights) x = at::relu(at::conv2d(x, weight, {}, /*stride=*/2, /*padding=*/1));
    result_MF.slice(0, row, row + rows) = x.to(at::kDouble).mean({2, 3}).slice(0, 0, rows);
  }
  return result_MF;
}

}  // namespace tessera
