// Shapes that plugins agree on: images, latent grids, and the token layout (ordered planes laid end to end).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tessera/api.hpp"

namespace tessera {

struct ImageShape {
  int64_t channels = 3, height = 0, width = 0;
};

// A latent: height * width positions in row-major order, depth channels. Not spatial: positions have no place (1-D tokens).
struct Grid {
  int64_t height = 0, width = 0, depth = 0;
  bool spatial = true;
  int64_t positions() const { return height * width; }
};

// One grid of tokens. ids lie in [0, vocabulary).
struct Plane {
  int64_t height = 0, width = 0, vocabulary = 0;
  bool spatial = true;
  int64_t positions() const { return height * width; }
  bool operator==(const Plane&) const = default;
};

struct Place {
  int64_t plane = 0, row = 0, column = 0;
};

// A position indexes all planes laid end to end, row-major within each.
class TESSERA_API TokenLayout {
 public:
  TokenLayout() = default;
  // Throws std::invalid_argument unless every plane has at least one position and a vocabulary of at least 2.
  explicit TokenLayout(std::vector<Plane> planes);
  const std::vector<Plane>& planes() const { return planes_; }
  int64_t length() const { return length_; }                  // N
  int64_t max_vocabulary() const { return max_vocabulary_; }  // K of logits_BQK
  int64_t offset(int64_t plane) const { return offsets_.at(static_cast<size_t>(plane)); }
  // Throws std::out_of_range unless 0 <= position < length().
  Place place(int64_t position) const;
  int64_t vocabulary(int64_t position) const { return planes_[static_cast<size_t>(place(position).plane)].vocabulary; }
  bool spatial() const;
  // All planes on one grid (plain VQ, residual VQ): tokens can be ordered cell by cell.
  bool same_grid() const;
  std::string describe() const;  // "8x8 of 256" or "4x (8x8 of 256)" …
  bool operator==(const TokenLayout& other) const { return planes_ == other.planes_; }

 private:
  std::vector<Plane> planes_;
  std::vector<int64_t> offsets_;
  int64_t length_ = 0, max_vocabulary_ = 0;
};

// In which order a prior can be asked.
struct TESSERA_API Order {
  std::vector<int64_t> rank_N;  // a position may be asked once all of lower rank are committed; all equal = any order
  bool sees_rank = false;       // committed positions of equal rank condition the others (masked: yes; next-scale: no)
  bool parallel = false;        // several positions a call are meaningful
  bool retract = false, critic = false;

  bool any_order() const;
  int64_t ranks() const;  // highest rank + 1
  static Order raster(int64_t positions);
  static Order any(int64_t positions);
};

}  // namespace tessera
