// Which cell a cell is measured from.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace tessera {

inline constexpr size_t kNoCell = static_cast<size_t>(-1);

// For each cell the one that it is measured from, itself where it is a baseline; kNoCell where there is none. Labels are "arm, axis point,
// …": the baseline of a cell is the cell of the baseline's arm at the same points of the other axes, as far as that arm has them: "masked,
// sampling.steps=8, prior.layers=6" has "causal, prior.layers=6".
std::vector<size_t> baselines_of(const std::vector<std::string>& cells, const std::string& baseline);

}  // namespace tessera
