#include "experiment/describe/baselines.hpp"

#include <unordered_map>

namespace tessera {

std::vector<size_t> baselines_of(const std::vector<std::string>& cells, const std::string& baseline) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < cells.size(); ++i) places.emplace(cells[i], i);
  const auto place = [&](const std::string& label) {
    const auto found = places.find(label);
    return found == places.end() ? kNoCell : found->second;
  };
  std::vector<size_t> baselines;
  for (const auto& label : cells) {
    size_t found = kNoCell;
    for (auto comma = label.find(", "); comma != std::string::npos && found == kNoCell; comma = label.find(", ", comma + 1))
      found = place(baseline + label.substr(comma));
    baselines.push_back(found == kNoCell ? place(baseline) : found);
  }
  return baselines;
}

}  // namespace tessera
