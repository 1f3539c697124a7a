// Mask schedules of MaskGIT (2202.04200): gamma(r) is the fraction still *masked* at progress r, 1 at r = 0 and 0 at r = 1.
// Training draws r and masks gamma(r); decoding walks r from 0 to 1. Doubles throughout: counts hit integers (cos 60 degrees),
// so every floor and ceiling allows for 1e-12. Torch-free.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace tessera {

class MaskSchedule {
 public:
  static const std::vector<std::string>& names() {
    static const std::vector<std::string> list{"cosine", "arccos", "linear", "square", "cubic", "root"};
    return list;
  }
  explicit MaskSchedule(const std::string& name) : name_(name) {
    if (std::find(names().begin(), names().end(), name) == names().end())
      throw std::invalid_argument("no mask schedule is called '" + name + "'");
  }

  double masked_fraction(double r) const {
    constexpr double kPi = 3.14159265358979323846;
    if (name_ == "cosine") return std::cos(kPi / 2 * r);
    if (name_ == "arccos") return 2 / kPi * std::acos(r);
    if (name_ == "linear") return 1 - r;
    if (name_ == "square") return 1 - r * r;
    if (name_ == "cubic") return 1 - r * r * r;
    return 1 - std::sqrt(r);
  }

  // Training: how many of `positions` are masked at r; at least one.
  int64_t masked_in_training(double r, int64_t positions) const {
    auto count = static_cast<int64_t>(std::ceil(masked_fraction(r) * static_cast<double>(positions) - 1e-12));
    return std::clamp<int64_t>(count, 1, positions);
  }

  // Decoding: how many of the `initial` masked positions stay masked after step `index` of `count`, `masked` being masked
  // before it. Each step commits at least one, and none is left after the last.
  int64_t masked_after(int64_t index, int64_t count, int64_t initial, int64_t masked) const {
    if (masked <= 1 || index + 1 >= count) return 0;
    double progress = static_cast<double>(index + 1) / static_cast<double>(count);
    auto left = static_cast<int64_t>(std::floor(masked_fraction(progress) * static_cast<double>(initial) + 1e-12));
    return std::clamp<int64_t>(left, 1, masked - 1);
  }

  // Decoding in a fixed order (2503.17076): how many of `initial` are committed after step `index`. Rounds down what is
  // committed, where masked_after() rounds down what is masked: the two papers differ.
  int64_t committed_after(int64_t index, int64_t count, int64_t initial) const {
    if (index + 1 >= count) return initial;
    double progress = static_cast<double>(index + 1) / static_cast<double>(count);
    auto done = static_cast<int64_t>(std::floor((1 - masked_fraction(progress)) * static_cast<double>(initial) + 1e-12));
    return std::min(initial, std::max(index + 1, done));
  }

 private:
  std::string name_;
};

}  // namespace tessera
