#include "tessera/layout.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace tessera {

TokenLayout::TokenLayout(std::vector<Plane> planes) : planes_(std::move(planes)) {
  for (const auto& plane : planes_) {
    if (plane.height < 1 || plane.width < 1 || plane.vocabulary < 2)
      throw std::invalid_argument("token layout: a plane of " + std::to_string(plane.height) + "x" + std::to_string(plane.width) +
                                  " with vocabulary " + std::to_string(plane.vocabulary) + "; expected at least 1x1 with vocabulary 2");
    offsets_.push_back(length_);
    length_ += plane.positions();
    max_vocabulary_ = std::max(max_vocabulary_, plane.vocabulary);
  }
}

Place TokenLayout::place(int64_t position) const {
  if (position < 0 || position >= length_)
    throw std::out_of_range("position " + std::to_string(position) + " outside a layout of " + std::to_string(length_));
  size_t plane = 0;
  while (plane + 1 < planes_.size() && position >= offsets_[plane + 1]) ++plane;
  int64_t cell = position - offsets_[plane];
  return {static_cast<int64_t>(plane), cell / planes_[plane].width, cell % planes_[plane].width};
}

bool TokenLayout::spatial() const {
  return std::all_of(planes_.begin(), planes_.end(), [](const Plane& plane) { return plane.spatial; });
}

bool TokenLayout::same_grid() const {
  return std::all_of(planes_.begin(), planes_.end(),
                     [this](const Plane& plane) { return plane.height == planes_[0].height && plane.width == planes_[0].width; });
}

std::string TokenLayout::describe() const {
  std::string text;
  for (const auto& plane : planes_)
    text += (text.empty() ? "" : " + ") + std::to_string(plane.height) + "x" + std::to_string(plane.width) + " of " +
            std::to_string(plane.vocabulary) + (plane.spatial ? "" : " (no grid)");
  return text;
}

bool Order::any_order() const {
  return std::all_of(rank_N.begin(), rank_N.end(), [this](int64_t rank) { return rank == rank_N[0]; });
}

int64_t Order::ranks() const { return rank_N.empty() ? 0 : 1 + *std::max_element(rank_N.begin(), rank_N.end()); }

Order Order::raster(int64_t positions) {
  Order order;
  order.rank_N.resize(static_cast<size_t>(positions));
  std::iota(order.rank_N.begin(), order.rank_N.end(), 0);
  return order;
}

Order Order::any(int64_t positions) {
  Order order;
  order.rank_N.assign(static_cast<size_t>(positions), 0);
  order.sees_rank = order.parallel = true;
  return order;
}

}  // namespace tessera
