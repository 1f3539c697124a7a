#include "metrics/neighbours.hpp"

#include <ATen/Functions.h>

#include <algorithm>
#include <limits>

namespace tessera {
namespace {

constexpr int64_t kRows = 256, kColumns = 4096;

// Bytes become [0, 1], a tile at a time.
at::Tensor widen(const at::Tensor& x, at::ScalarType type) { return x.scalar_type() == at::kByte ? x.to(type).div_(255) : x; }

// f(first row, first column, squared distances of the tile).
template <class Function>
void for_tiles(const at::Tensor& a_MF, const at::Tensor& b_LF, Function f) {
  for (int64_t row = 0; row < a_MF.size(0); row += kRows) {
    const at::Tensor a = widen(a_MF.slice(0, row, row + kRows), at::kFloat);
    const at::Tensor norm_a = a.square().sum(1, true);
    for (int64_t column = 0; column < b_LF.size(0); column += kColumns) {
      const at::Tensor b = widen(b_LF.slice(0, column, column + kColumns), at::kFloat);
      f(row, column, (norm_a + b.square().sum(1).unsqueeze(0) - 2 * a.matmul(b.t())).clamp_min_(0));
    }
  }
}

}  // namespace

Nearest nearest_rows(const at::Tensor& a_MF, const at::Tensor& b_LF) {
  const at::Tensor best_M = at::full({a_MF.size(0)}, std::numeric_limits<double>::infinity(), at::kDouble);
  const at::Tensor index_M = at::zeros({a_MF.size(0)}, at::kLong);
  for_tiles(a_MF, b_LF, [&](int64_t row, int64_t column, const at::Tensor& squared) {
    const auto [nearest, index] = squared.min(1);
    const at::Tensor value = nearest.to(at::kDouble);
    at::Tensor best = best_M.slice(0, row, row + kRows), best_index = index_M.slice(0, row, row + kRows);
    const at::Tensor better = value.lt(best);
    best_index.copy_(at::where(better, index + column, best_index));
    best.copy_(at::where(better, value, best));
  });
  at::Tensor distance_M = at::empty({a_MF.size(0)}, at::kDouble);
  for (int64_t row = 0; row < a_MF.size(0); row += kRows) {
    const auto wide = [](const at::Tensor& x) { return widen(x, at::kDouble).to(at::kDouble); };
    const at::Tensor found = wide(b_LF.index_select(0, index_M.slice(0, row, row + kRows)));
    distance_M.slice(0, row, row + kRows) = (wide(a_MF.slice(0, row, row + kRows)) - found).square().sum(1).sqrt();
  }
  return {distance_M, index_M};
}

at::Tensor kth_neighbour_distance(const at::Tensor& x_MF, int64_t k) {
  const int64_t count = x_MF.size(0);
  at::Tensor result_M = at::empty({count}, at::kDouble);
  for (int64_t row = 0; row < count; row += kRows) {
    const int64_t rows = std::min(kRows, count - row);
    at::Tensor kept = at::empty({rows, 0}, at::kDouble);
    for_tiles(x_MF.slice(0, row, row + rows), x_MF, [&](int64_t, int64_t column, at::Tensor squared) {
      for (int64_t i = 0; i < rows; i++) {
        const int64_t self = row + i - column;
        if (self >= 0 && self < squared.size(1)) squared[i][self] = std::numeric_limits<double>::infinity();
      }
      kept = at::cat({kept, squared.to(at::kDouble)}, 1);
      kept = std::get<0>(kept.topk(std::min(k, kept.size(1)), 1, /*largest=*/false));
    });
    result_M.slice(0, row, row + rows) = kept.select(1, kept.size(1) - 1).sqrt();
  }
  return result_M;
}

at::Tensor within_radius(const at::Tensor& a_MF, const at::Tensor& b_LF, const at::Tensor& radius_L) {
  const at::Tensor within_M = at::zeros({a_MF.size(0)}, at::kBool);
  for_tiles(a_MF, b_LF, [&](int64_t row, int64_t column, const at::Tensor& squared) {
    within_M.slice(0, row, row + kRows).logical_or_(squared.sqrt().le(radius_L.slice(0, column, column + kColumns)).any(1));
  });
  return within_M;
}

}  // namespace tessera
