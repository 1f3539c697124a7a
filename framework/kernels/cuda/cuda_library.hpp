// libtessera_cuda.so holds all CUDA kernels behind C functions over raw pointers. It is opened when a CUDA tensor first
// asks, by the search path of whoever linked these kernels, and never closed.
#pragma once
#include <c10/core/Device.h>

namespace tessera::kernel {

// Throws c10::Error, naming the library and the function, where this build or this machine has none.
void* cuda_symbol(const char* name);

template <class Function>
Function cuda_function(const char* name) {
  return reinterpret_cast<Function>(cuda_symbol(name));
}

// torch's current stream on that device, as a cudaStream_t.
void* current_cuda_stream(c10::Device device);

}  // namespace tessera::kernel
