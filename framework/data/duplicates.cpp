#include "data/duplicates.hpp"

#include <ATen/Functions.h>
#include <torch/torch.h>

#include <algorithm>

namespace tessera {
namespace {

constexpr int64_t kBlock = 1024;

// Block means on a grid of at most 8 x 8, each scaled so that squared distances of rows are mean squared errors.
at::Tensor block_means_MF(const at::Tensor& images_MCHW) {
  const int64_t height = std::min<int64_t>(8, images_MCHW.size(2)), width = std::min<int64_t>(8, images_MCHW.size(3));
  std::vector<at::Tensor> parts;
  for (const at::Tensor& block_BCHW : images_MCHW.split(4096)) {
    // Blocks of unequal size would break the bound; whole blocks of the largest common size keep it, and what is cut off
    // can only add to the true error.
    const int64_t rows = images_MCHW.size(2) / height, columns = images_MCHW.size(3) / width;
    const at::Tensor cut = block_BCHW.slice(2, 0, rows * height).slice(3, 0, columns * width).to(at::kFloat).div(255);
    parts.push_back(at::avg_pool2d(cut, {rows, columns}).flatten(1));
  }
  const double used = static_cast<double>((images_MCHW.size(2) / height) * height * ((images_MCHW.size(3) / width) * width)) /
                      static_cast<double>(images_MCHW.size(2) * images_MCHW.size(3));
  const at::Tensor means_MF = at::cat(parts);
  return means_MF.mul(std::sqrt(used / static_cast<double>(means_MF.size(1))));
}

// True where the mean squared error is below the limit, given as a sum over all bytes; stops as soon as it is not.
bool closer_than(const uint8_t* a, const uint8_t* b, int64_t bytes, double limit) {
  int64_t sum = 0;
  for (int64_t begin = 0; begin < bytes; begin += 256) {
    int32_t part = 0;
    for (int64_t i = begin; i < std::min(bytes, begin + 256); i++) {
      const int32_t difference = static_cast<int32_t>(a[i]) - static_cast<int32_t>(b[i]);
      part += difference * difference;
    }
    sum += part;
    if (static_cast<double>(sum) >= limit) return false;
  }
  return true;
}

}  // namespace

void unite_duplicates(const at::Tensor& images_MCHW, double threshold, DisjointSets& sets) {
  const int64_t count = images_MCHW.size(0);
  if (threshold <= 0 || count < 2) return;
  const at::NoGradGuard no_gradient;
  const at::Tensor images = images_MCHW.contiguous();
  const auto* bytes = images.const_data_ptr<uint8_t>();
  const int64_t image_bytes = images.numel() / count;
  const double limit = threshold * 255 * 255 * static_cast<double>(image_bytes);

  // Sort by brightness: pairs further apart than the threshold's root need no look at all.
  at::Tensor features_MF = block_means_MF(images);
  // The mean of F features scaled by 1/sqrt(F) times sqrt(F) is the brightness of the (cut) image.
  const at::Tensor brightness_M = features_MF.sum(1).div(std::sqrt(static_cast<double>(features_MF.size(1))));
  const auto [sorted_M, order_M] = brightness_M.sort();
  features_MF = features_MF.index_select(0, order_M);
  features_MF = features_MF - features_MF.mean(0);  // smaller norms, smaller rounding errors
  const at::Tensor norm_M = features_MF.square().sum(1);
  const auto* brightness = sorted_M.const_data_ptr<float>();
  const auto* order = order_M.const_data_ptr<int64_t>();
  // Float32 products are off by about 1e-6 of the norms.
  const double reach = std::sqrt(threshold) * 1.001 + 1e-5, bound = threshold * 1.01 + 1e-5;

  for (int64_t row = 0; row < count; row += kBlock) {
    const int64_t row_end = std::min(count, row + kBlock);
    for (int64_t column = row; column < count && brightness[column] - brightness[row_end - 1] < reach; column += kBlock) {
      const int64_t column_end = std::min(count, column + kBlock);
      const at::Tensor distance = norm_M.slice(0, row, row_end).unsqueeze(1) + norm_M.slice(0, column, column_end).unsqueeze(0) -
                                  features_MF.slice(0, row, row_end).matmul(features_MF.slice(0, column, column_end).t()).mul(2);
      const at::Tensor candidates = distance.lt(bound).nonzero();
      const auto pair = candidates.accessor<int64_t, 2>();
      for (int64_t i = 0; i < candidates.size(0); i++) {
        const int64_t a = order[row + pair[i][0]], b = order[column + pair[i][1]];
        if (a == b || sets.first(a) == sets.first(b)) continue;
        if (closer_than(bytes + a * image_bytes, bytes + b * image_bytes, image_bytes, limit)) sets.unite(a, b);
      }
    }
  }
}

}  // namespace tessera
