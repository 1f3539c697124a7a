// Sums of the vectors of each code: what moving averages and k-means need. Deterministic on every device.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace tessera {

struct SegmentSums {
  at::Tensor count_K;  // float32
  at::Tensor sum_KD;   // float32
};

// z_MD float32; ids_M int64 in [0, codes). Rows are added in their order.
SegmentSums segment_sums(const at::Tensor& z_MD, const at::Tensor& ids_M, int64_t codes);

}  // namespace tessera
