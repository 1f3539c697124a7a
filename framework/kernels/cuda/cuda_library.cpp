#include "kernels/cuda/cuda_library.hpp"

#include <dlfcn.h>
#include <torch/torch.h>

namespace tessera::kernel {

void* cuda_symbol(const char* name) {
  // Opening it again gives the same handle, so nothing is cached here: kernels hold no mutable static.
  void* library = dlopen("libtessera_cuda.so", RTLD_NOW | RTLD_LOCAL);
  TORCH_CHECK(library, "CUDA kernels are not available: ", dlerror());
  void* symbol = dlsym(library, name);
  TORCH_CHECK(symbol, "CUDA kernels are not available: ", dlerror());
  return symbol;
}

void* current_cuda_stream(c10::Device device) {
  using Stream = void* (*)(int index);
  return cuda_function<Stream>("tessera_current_cuda_stream")(device.index());
}

}  // namespace tessera::kernel
