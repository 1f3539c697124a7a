// Nearest code on the CPU: a register-blocked product of six vectors with two SIMD vectors of codes, whose epilogue keeps the
// lowest score and its code for each lane instead of storing distances. The codebook is packed once, scaled by -2, with
// |e|^2 as the start of the sum. Compiled for several instruction sets; Highway picks one at run time.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/nearest_code/nearest_code.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/nearest_code/cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Ints = hn::Rebind<int32_t, Floats>;

constexpr int64_t kRows = 6;            // vectors in registers: 12 accumulators, 2 codes, 1 broadcast of 16 registers
constexpr int64_t kTileRows = 96;       // rows that go over one block of codes before the next
constexpr int64_t kBlockFloats = 4096;  // a block of codes is 16 KiB: half of a first-level cache

// Panels of two vectors of codes: depth x width values of -2 e, then width values of |e|^2.
class Panels {
 public:
  Panels(const float* codebook, int64_t codes, int64_t depth) : width(2 * static_cast<int64_t>(hn::Lanes(Floats()))), depth(depth) {
    count = (codes + width - 1) / width;
    stride = (depth + 1) * width;
    // What pads the last panel has an infinite norm, so it is never nearest.
    values.assign(static_cast<size_t>(count * stride), 0.0f);
    for (int64_t panel = 0; panel < count; ++panel) {
      float* out = values.data() + panel * stride;
      for (int64_t lane = 0; lane < width; ++lane) {
        int64_t code = panel * width + lane;
        float norm = code < codes ? 0.0f : std::numeric_limits<float>::infinity();
        for (int64_t d = 0; code < codes && d < depth; ++d) {
          float value = codebook[code * depth + d];
          out[d * width + lane] = -2.0f * value;
          norm += value * value;
        }
        out[depth * width + lane] = norm;
      }
    }
  }
  const float* at(int64_t panel) const { return values.data() + panel * stride; }

  int64_t width, depth, count = 0, stride = 0;

 private:
  std::vector<float> values;
};

// Scores of six rows against one panel; best and code hold one vector a row.
HWY_INLINE void score_panel(const float* const* rows, const float* panel, int64_t first_code, int64_t depth, float* best, int32_t* code) {
  const Floats f;
  const Ints i;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const int64_t width = 2 * lanes;
  const auto norm0 = hn::LoadU(f, panel + depth * width), norm1 = hn::LoadU(f, panel + depth * width + lanes);
  auto a0 = norm0, a1 = norm0, a2 = norm0, a3 = norm0, a4 = norm0, a5 = norm0;
  auto b0 = norm1, b1 = norm1, b2 = norm1, b3 = norm1, b4 = norm1, b5 = norm1;
  const float *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3], *r4 = rows[4], *r5 = rows[5];
  for (int64_t d = 0; d < depth; ++d) {
    const auto e0 = hn::LoadU(f, panel + d * width), e1 = hn::LoadU(f, panel + d * width + lanes);
    auto z = hn::Set(f, r0[d]);
    a0 = hn::MulAdd(z, e0, a0), b0 = hn::MulAdd(z, e1, b0);
    z = hn::Set(f, r1[d]);
    a1 = hn::MulAdd(z, e0, a1), b1 = hn::MulAdd(z, e1, b1);
    z = hn::Set(f, r2[d]);
    a2 = hn::MulAdd(z, e0, a2), b2 = hn::MulAdd(z, e1, b2);
    z = hn::Set(f, r3[d]);
    a3 = hn::MulAdd(z, e0, a3), b3 = hn::MulAdd(z, e1, b3);
    z = hn::Set(f, r4[d]);
    a4 = hn::MulAdd(z, e0, a4), b4 = hn::MulAdd(z, e1, b4);
    z = hn::Set(f, r5[d]);
    a5 = hn::MulAdd(z, e0, a5), b5 = hn::MulAdd(z, e1, b5);
  }
  // Strictly less, codes ascending within a lane: the lowest code of equal scores stays.
  const auto code0 = hn::Iota(i, static_cast<int32_t>(first_code)), code1 = hn::Iota(i, static_cast<int32_t>(first_code + lanes));
  const auto keep = [&](int64_t row, auto a, auto b) HWY_ATTR {
    auto lowest = hn::LoadU(f, best + row * lanes);
    auto where = hn::LoadU(i, code + row * lanes);
    auto less = hn::Lt(a, lowest);
    lowest = hn::IfThenElse(less, a, lowest);
    where = hn::IfThenElse(hn::RebindMask(i, less), code0, where);
    less = hn::Lt(b, lowest);
    hn::StoreU(hn::IfThenElse(less, b, lowest), f, best + row * lanes);
    hn::StoreU(hn::IfThenElse(hn::RebindMask(i, less), code1, where), i, code + row * lanes);
  };
  keep(0, a0, b0), keep(1, a1, b1), keep(2, a2, b2), keep(3, a3, b3), keep(4, a4, b4), keep(5, a5, b5);
}

// Rows [begin, end) against all codes.
void search(const Panels& panels, const float* z, int64_t* ids, int64_t begin, int64_t end) {
  const int64_t lanes = panels.width / 2;
  const int64_t block = std::max<int64_t>(1, kBlockFloats / panels.stride);
  std::vector<float> best(static_cast<size_t>(kTileRows * lanes));
  std::vector<int32_t> code(best.size());
  for (int64_t tile = begin; tile < end; tile += kTileRows) {
    const int64_t tile_end = std::min(end, tile + kTileRows);
    std::fill(best.begin(), best.end(), std::numeric_limits<float>::infinity());
    std::fill(code.begin(), code.end(), 0);

    // Score the tile, block of codes by block of codes; a last group of fewer than six rows repeats its last row.
    for (int64_t first = 0; first < panels.count; first += block)
      for (int64_t group = tile; group < tile_end; group += kRows) {
        const float* rows[kRows];
        for (int64_t r = 0; r < kRows; ++r) rows[r] = z + std::min(group + r, tile_end - 1) * panels.depth;
        for (int64_t panel = first; panel < std::min(panels.count, first + block); ++panel)
          score_panel(rows, panels.at(panel), panel * panels.width, panels.depth, best.data() + (group - tile) * lanes,
                      code.data() + (group - tile) * lanes);
      }

    // Of the lanes of a row the lowest score wins, and of equal scores the lowest code.
    for (int64_t row = tile; row < tile_end; ++row) {
      const float* b = best.data() + (row - tile) * lanes;
      const int32_t* c = code.data() + (row - tile) * lanes;
      int64_t winner = 0;
      for (int64_t lane = 1; lane < lanes; ++lane)
        if (b[lane] < b[winner] || (b[lane] == b[winner] && c[lane] < c[winner])) winner = lane;
      ids[row] = c[winner];
    }
  }
}

void nearest_code(const float* z, const float* codebook, int64_t* ids, int64_t rows, int64_t codes, int64_t depth) {
  const Panels panels(codebook, codes, depth);
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  at::parallel_for(0, tiles, 1,
                   [&](int64_t begin, int64_t end) { search(panels, z, ids, begin * kTileRows, std::min(rows, end * kTileRows)); });
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernel {

HWY_EXPORT(nearest_code);

void nearest_code_cpu(const float* z, const float* codebook, int64_t* ids, int64_t rows, int64_t codes, int64_t depth) {
  HWY_DYNAMIC_DISPATCH(nearest_code)(z, codebook, ids, rows, codes, depth);
}

}  // namespace tessera::kernel
#endif
