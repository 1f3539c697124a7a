// The Halton order of a grid's cells (2503.17076): points (van der Corput base 2, base 3), each in the cell that it falls into,
// repeats dropped, until every cell is there. Radical inverses are exact fractions: floats round at cell borders. The reference
// stops at 10,000 points, which leaves 6 cells of 64 x 64 out; here the loop is open. Torch-free.
#pragma once
#include <cstdint>
#include <vector>

namespace tessera {

// floor(size * radical inverse of `index`), the inverse being digits / base^n: digits * size fits 64 bits below 10^9 points.
inline int64_t halton_coordinate(uint64_t index, uint64_t base, uint64_t size) {
  uint64_t reversed = 0, scale = 1;
  for (; index > 0; index /= base) {
    reversed = reversed * base + index % base;
    scale *= base;
  }
  return static_cast<int64_t>(reversed * size / scale);
}

// Cells (row * width + column) in Halton order, each once. `points`, if given, receives how many points that took.
inline std::vector<int64_t> halton_order(int64_t height, int64_t width, int64_t* points = nullptr) {
  std::vector<int64_t> order;
  std::vector<bool> seen(static_cast<size_t>(height * width), false);
  uint64_t index = 0;
  while (order.size() < seen.size()) {
    ++index;
    int64_t cell =
        halton_coordinate(index, 2, static_cast<uint64_t>(height)) * width + halton_coordinate(index, 3, static_cast<uint64_t>(width));
    if (seen[static_cast<size_t>(cell)]) continue;
    seen[static_cast<size_t>(cell)] = true;
    order.push_back(cell);
  }
  if (points) *points = static_cast<int64_t>(index);
  return order;
}

}  // namespace tessera
