// Nearest code on CUDA: a block takes 64 vectors over all codes in tiles of 64, each thread 4 x 4 scores in registers, and
// keeps the lowest score of each of its vectors. Plain fp32 multiply-add: TF32 would change the argmin.
#include <cuda_runtime.h>

#include <cstdint>

namespace {

constexpr int kTile = 64;             // vectors and codes of a tile
constexpr int kDepth = 16;            // channels in shared memory at a time
constexpr int kEach = 4;              // vectors and codes a thread
constexpr int kSide = kTile / kEach;  // threads along each side

// Tile of `count` rows, transposed; what lies outside is zero.
__device__ void load_tile(float (&tile)[kDepth][kTile + 1], const float* rows, int64_t first, int64_t count, int64_t depth, int64_t d0) {
  for (int i = threadIdx.x; i < kTile * kDepth; i += kSide * kSide) {
    int row = i / kDepth, d = i % kDepth;
    bool inside = first + row < count && d0 + d < depth;
    tile[d][row] = inside ? rows[(first + row) * depth + d0 + d] : 0.0f;
  }
}

__global__ void __launch_bounds__(kSide* kSide) nearest_code(const float* __restrict__ z, const float* __restrict__ codebook,
                                                             int64_t* __restrict__ ids, int64_t rows, int64_t codes, int64_t depth) {
  __shared__ float z_tile[kDepth][kTile + 1], e_tile[kDepth][kTile + 1];
  __shared__ float best_shared[kTile][kSide];
  __shared__ int64_t code_shared[kTile][kSide];
  const int across = threadIdx.x % kSide, down = threadIdx.x / kSide;
  const int64_t first_row = static_cast<int64_t>(blockIdx.x) * kTile;
  float best[kEach];
  int64_t code[kEach] = {};
  for (int r = 0; r < kEach; ++r) best[r] = INFINITY;

  for (int64_t first_code = 0; first_code < codes; first_code += kTile) {
    float dot[kEach][kEach] = {}, norm[kEach] = {};
    for (int64_t d0 = 0; d0 < depth; d0 += kDepth) {
      load_tile(z_tile, z, first_row, rows, depth, d0);
      load_tile(e_tile, codebook, first_code, codes, depth, d0);
      __syncthreads();
      for (int d = 0; d < kDepth; ++d)
        for (int c = 0; c < kEach; ++c) {
          float e = e_tile[d][across * kEach + c];
          norm[c] = fmaf(e, e, norm[c]);
          for (int r = 0; r < kEach; ++r) dot[r][c] = fmaf(z_tile[d][down * kEach + r], e, dot[r][c]);
        }
      __syncthreads();
    }
    // Strictly less, codes ascending within a thread: the lowest code of equal scores stays.
    for (int c = 0; c < kEach; ++c) {
      int64_t k = first_code + across * kEach + c;
      for (int r = 0; r < kEach; ++r) {
        float score = fmaf(-2.0f, dot[r][c], norm[c]);
        if (k < codes && score < best[r]) {
          best[r] = score;
          code[r] = k;
        }
      }
    }
  }

  // Of the threads of a row the lowest score wins, and of equal scores the lowest code.
  for (int r = 0; r < kEach; ++r) {
    best_shared[down * kEach + r][across] = best[r];
    code_shared[down * kEach + r][across] = code[r];
  }
  __syncthreads();
  if (threadIdx.x < kTile && first_row + threadIdx.x < rows) {
    int winner = 0;
    for (int i = 1; i < kSide; ++i) {
      float b = best_shared[threadIdx.x][i], w = best_shared[threadIdx.x][winner];
      if (b < w || (b == w && code_shared[threadIdx.x][i] < code_shared[threadIdx.x][winner])) winner = i;
    }
    ids[first_row + threadIdx.x] = code_shared[threadIdx.x][winner];
  }
}

}  // namespace

// See NearestCodeCuda. The caller has made the stream's device current.
extern "C" __attribute__((visibility("default"))) int tessera_nearest_code_cuda(const float* z, const float* codebook, int64_t* ids,
                                                                                int64_t rows, int64_t codes, int64_t depth, void* stream) {
  const auto blocks = static_cast<unsigned>((rows + kTile - 1) / kTile);
  nearest_code<<<blocks, kSide * kSide, 0, static_cast<cudaStream_t>(stream)>>>(z, codebook, ids, rows, codes, depth);
  return static_cast<int>(cudaGetLastError());
}
