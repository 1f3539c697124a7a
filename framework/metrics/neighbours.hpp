// Euclidean nearest neighbours, tiled: memory never holds all pairs.
#pragma once
#include <ATen/core/Tensor.h>

namespace tessera {

struct Nearest {
  at::Tensor distance_M;  // float64
  at::Tensor index_M;     // int64, row of b; the first of equals
};

// For each row of a, the nearest of b: floating point, or bytes, which count as [0, 1]. The distance itself is computed anew in
// float64 from the differences, so that a copy has the distance 0.
Nearest nearest_rows(const at::Tensor& a_MF, const at::Tensor& b_LF);
// Distance of each row to its k-th nearest other row.
at::Tensor kth_neighbour_distance(const at::Tensor& x_MF, int64_t k);
// True for rows of a that lie within radius_L[j] of some row j of b.
at::Tensor within_radius(const at::Tensor& a_MF, const at::Tensor& b_LF, const at::Tensor& radius_L);

}  // namespace tessera
