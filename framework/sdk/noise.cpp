#include "tessera/noise.hpp"

#include <ATen/Parallel.h>
#include <Random123/philox.h>
#include <torch/torch.h>

#include <cmath>

namespace tessera {

PhiloxBlock philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  r123::Philox4x32 generator;
  r123::Philox4x32::key_type k = {{static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}};
  r123::Philox4x32::ctr_type c = {{c0, c1, c2, c3}};
  auto out = generator(c, k);
  return {{out[0], out[1], out[2], out[3]}};
}

uint64_t mix_keys(uint64_t a, uint64_t b) {
  auto block = philox(a, static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32), 0x54455353u, 0x45524131u);
  return static_cast<uint64_t>(block.word[1]) << 32 | block.word[0];
}

namespace {

// Fills `out` from blocks of four words; fill(word block, pointer to four floats).
template <class Fill>
at::Tensor blocks(uint64_t key, at::IntArrayRef shape, Fill fill) {
  auto out = at::empty(shape, at::kFloat);
  int64_t count = out.numel();
  float* data = out.data_ptr<float>();
  at::parallel_for(0, (count + 3) / 4, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      float values[4];
      fill(philox(key, static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0), values);
      for (int64_t i = 0; i < 4 && block * 4 + i < count; ++i) data[block * 4 + i] = values[i];
    }
  });
  return out;
}

}  // namespace

Noise Noise::at(int64_t step, int64_t micro_batch) const {
  return Noise(mix_keys(mix_keys(key_, static_cast<uint64_t>(step)), static_cast<uint64_t>(micro_batch)));
}

at::Tensor Noise::uniform(at::IntArrayRef shape, std::string_view purpose) const {
  return blocks(mix_keys(key_, purpose_id(purpose)), shape, [](PhiloxBlock block, float* out) {
    for (int i = 0; i < 4; ++i) out[i] = open_uniform(block.word[i]);
  });
}

at::Tensor Noise::normal(at::IntArrayRef shape, std::string_view purpose) const {
  return blocks(mix_keys(key_, purpose_id(purpose)), shape, [](PhiloxBlock block, float* out) {
    // Box-Muller, two pairs.
    for (int i = 0; i < 4; i += 2) {
      float radius = std::sqrt(-2.0f * std::log(open_uniform(block.word[i])));
      float angle = 6.28318530717958647692f * open_uniform(block.word[i + 1]);
      out[i] = radius * std::cos(angle);
      out[i + 1] = radius * std::sin(angle);
    }
  });
}

at::Tensor Noise::gumbel(at::IntArrayRef shape, std::string_view purpose) const {
  return blocks(mix_keys(key_, purpose_id(purpose)), shape, [](PhiloxBlock block, float* out) {
    for (int i = 0; i < 4; ++i) out[i] = -std::log(-std::log(open_uniform(block.word[i])));
  });
}

at::Tensor Noise::permutation(int64_t n, std::string_view purpose) const {
  // Fisher-Yates with 64-bit words; the modulo bias is below 2^-40 for any n that fits in memory.
  auto order = at::arange(n, at::kLong);
  auto* data = order.data_ptr<int64_t>();
  uint64_t key = mix_keys(key_, purpose_id(purpose));
  for (int64_t i = n - 1; i > 0; --i) {
    auto block = philox(key, static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), 1, 0);
    uint64_t word = static_cast<uint64_t>(block.word[1]) << 32 | block.word[0];
    std::swap(data[i], data[word % static_cast<uint64_t>(i + 1)]);
  }
  return order;
}

uint64_t Noise::bits(std::string_view purpose) const { return mix_keys(key_, purpose_id(purpose)); }

}  // namespace tessera
