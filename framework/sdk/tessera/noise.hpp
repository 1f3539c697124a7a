// Counter-based noise (Philox 4x32-10, Salmon et al. 2011, through Random123): a number depends on its key alone, never on
// batch size, order of calls, threads or device.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "tessera/api.hpp"

namespace tessera {

// Names what a number is for; two purposes never share numbers.
constexpr uint64_t purpose_id(std::string_view purpose) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// Four 32-bit words for a 64-bit key and a 128-bit counter.
struct PhiloxBlock {
  uint32_t word[4];
};
TESSERA_API PhiloxBlock philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3);
// One key from two: a bijective mix of each, used to fold (seed, stage, step, …) into a Philox key.
TESSERA_API uint64_t mix_keys(uint64_t a, uint64_t b);
// (0, 1), never 0 or 1: safe under log.
inline float open_uniform(uint32_t word) { return (static_cast<float>(word >> 9) + 0.5f) * 0x1p-23f; }

// Noise of one stage at one (step, micro-batch). Copying is free. Tensors are float32 on the CPU; element i of a
// tensor depends on (seed, stage, step, micro_batch, purpose, i).
class TESSERA_API Noise {
 public:
  Noise(uint64_t seed, std::string_view stage) : key_(mix_keys(seed, purpose_id(stage))) {}
  Noise at(int64_t step, int64_t micro_batch = 0) const;
  at::Tensor uniform(at::IntArrayRef shape, std::string_view purpose) const;
  at::Tensor normal(at::IntArrayRef shape, std::string_view purpose) const;
  at::Tensor gumbel(at::IntArrayRef shape, std::string_view purpose) const;
  // int64 permutation of 0..n-1.
  at::Tensor permutation(int64_t n, std::string_view purpose) const;
  // A 64-bit number, e.g. to seed torch's default generator.
  uint64_t bits(std::string_view purpose) const;

 private:
  explicit Noise(uint64_t key) : key_(key) {}
  uint64_t key_;
};

}  // namespace tessera
