// The straight-through estimator (1308.3432): the value of q, the gradient of z. The value is q bit for bit, because
// z - sg(z) is exactly zero; the usual z + sg(q - z) is off by a rounding.
#pragma once
#include <ATen/ATen.h>

namespace tessera {

inline at::Tensor straight_through(const at::Tensor& z, const at::Tensor& q) { return q.detach() + (z - z.detach()); }

}  // namespace tessera
