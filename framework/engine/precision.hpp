// Number format of networks in training. Sampling, likelihood and evaluation are fp32 always: what they give is compared.
#pragma once
#include <torch/torch.h>

#include <string>

namespace tessera {

// Whether bf16 gains anything there: a GPU of compute capability 8 or later; a CPU with AMX or AVX-512 BF16 (others compute it 20
// to 60 times slower than fp32).
bool computes_bf16_well(at::DeviceType device);

// While it lives, matrix products and convolutions on the device compute in `precision`: "fp32" (nothing changes) or "bf16". Masters,
// norms and losses stay fp32. Not around backward().
class Autocast {
 public:
  Autocast(at::DeviceType device, const std::string& precision);
  ~Autocast();
  Autocast(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool on_, was_on_ = false;
  at::ScalarType was_dtype_ = at::kFloat;
};

// While it lives, autocast is off there: codes are chosen in fp32 (low-precision products change the nearest one).
class FullPrecision {
 public:
  explicit FullPrecision(at::DeviceType device);
  ~FullPrecision();
  FullPrecision(const FullPrecision&) = delete;

 private:
  at::DeviceType device_;
  bool was_on_;
};

}  // namespace tessera
