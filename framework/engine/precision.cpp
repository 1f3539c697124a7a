#include "engine/precision.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace tessera {

namespace {

bool cpu_computes_bf16_well() {
#ifdef __x86_64__
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  bool amx = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx >> 22 & 1) != 0;
  bool avx512 = __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 5 & 1) != 0;
  return amx || avx512;
#else
  return false;
#endif
}

}  // namespace

bool computes_bf16_well(at::DeviceType device) {
  if (device == at::kCPU) return cpu_computes_bf16_well();
  return torch::cuda::is_available() && at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

Autocast::Autocast(at::DeviceType device, const std::string& precision) : device_(device), on_(precision == "bf16") {
  if (!on_) return;
  was_on_ = at::autocast::is_autocast_enabled(device_);
  was_dtype_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!on_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_on_);
  at::autocast::set_autocast_dtype(device_, was_dtype_);
}

FullPrecision::FullPrecision(at::DeviceType device) : device_(device), was_on_(at::autocast::is_autocast_enabled(device)) {
  at::autocast::set_autocast_enabled(device_, false);
}

FullPrecision::~FullPrecision() { at::autocast::set_autocast_enabled(device_, was_on_); }

}  // namespace tessera
