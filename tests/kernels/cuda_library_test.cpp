// The CUDA half compiles and links everywhere; here it must also load beside a CPU-only LibTorch and offer its functions.
// Its numbers are compared with the CPU's where there is a GPU.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "kernels/cuda/cuda_library.hpp"
#include "kernels/nearest_code/nearest_code.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

TEST(CudaLibrary, LoadsWithoutAGpuAndExportsItsFunctions) {
  EXPECT_NE(kernel::cuda_symbol("tessera_nearest_code_cuda"), nullptr);
  EXPECT_NE(kernel::cuda_symbol("tessera_current_cuda_stream"), nullptr);
  EXPECT_THROW(kernel::cuda_symbol("tessera_absent"), c10::Error);
}

TEST(CudaLibrary, NearestCodeEqualsTheCpu) {
  dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device, or only the CPU half of LibTorch is installed";
  auto z = Noise(1, "cuda").normal({1000, 33}, "z"), codebook = Noise(1, "cuda").normal({700, 33}, "codebook");
  auto ids = nearest_code(z.cuda(), codebook.cuda()).cpu(), expected = nearest_code(z, codebook);
  EXPECT_GE((ids == expected).to(torch::kDouble).mean().item<double>(), 0.999);
  EXPECT_LT(nearest_code(z.cuda(), codebook.repeat({3, 1}).cuda()).max().item<int64_t>(), 700);
}

}  // namespace
}  // namespace tessera
