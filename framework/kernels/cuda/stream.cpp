// The part of libtessera_cuda.so that knows torch's CUDA half.
#include <c10/cuda/CUDAStream.h>

extern "C" __attribute__((visibility("default"))) void* tessera_current_cuda_stream(int index) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(index)).stream();
}
