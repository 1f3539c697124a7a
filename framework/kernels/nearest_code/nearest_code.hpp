// Nearest code: for each vector the index of the nearest row of a codebook, in float32, the lowest index on ties. It is
// what every vector quantizer asks; the fused form never holds the M x K matrix of distances.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace tessera {

// z_MD and codebook_KD: float32, on one device, M >= 0, K >= 1, equal D. -> ids_M int64 on that device.
// Minimises |e_k|^2 - 2 z.e_k; equal rows of the codebook give equal scores, so the lower index wins. A vector whose scores
// are all NaN gets 0. The id of a row depends on that row alone, bit for bit. Memory beside the result: O(K D). No gradient.
// Throws c10::Error for other types or shapes, and on CUDA where this build has no CUDA kernels.
at::Tensor nearest_code(const at::Tensor& z_MD, const at::Tensor& codebook_KD);

// The definition, in float64 with the whole matrix: for tests.
at::Tensor nearest_code_reference(const at::Tensor& z_MD, const at::Tensor& codebook_KD);

namespace kernel {

// Contiguous rows; ids has `rows` entries. Runs on torch's threads, for the best instruction set of this CPU (Highway).
void nearest_code_cpu(const float* z, const float* codebook, int64_t* ids, int64_t rows, int64_t codes, int64_t depth);

// The launcher exported by libtessera_cuda.so, which is opened when a CUDA tensor first asks. `stream` is a cudaStream_t;
// returns a cudaError_t.
using NearestCodeCuda = int (*)(const float* z, const float* codebook, int64_t* ids, int64_t rows, int64_t codes, int64_t depth,
                                void* stream);

}  // namespace kernel
}  // namespace tessera
