// Union-find over 0..n-1 in which a set is known by its smallest member, so that results do not depend on the order of unions.
#pragma once
#include <cstdint>
#include <numeric>
#include <vector>

namespace tessera {

class DisjointSets {
 public:
  explicit DisjointSets(int64_t n) : parent_(static_cast<size_t>(n)) { std::iota(parent_.begin(), parent_.end(), 0); }
  // The smallest member of i's set.
  int64_t first(int64_t i) {
    auto at = [this](int64_t k) -> int64_t& { return parent_[static_cast<size_t>(k)]; };
    while (at(i) != i) i = at(i) = at(at(i));
    return i;
  }
  void unite(int64_t a, int64_t b) {
    a = first(a);
    b = first(b);
    parent_[static_cast<size_t>(a > b ? a : b)] = a < b ? a : b;
  }
  int64_t size() const { return static_cast<int64_t>(parent_.size()); }

 private:
  std::vector<int64_t> parent_;
};

}  // namespace tessera
