// The comparison table as text: a block for each part, arms down, metrics across, as many as fit the width.
#pragma once
#include <string>

#include "experiment/compare/comparison.hpp"

namespace tessera {

std::string comparison_text(const Comparison& comparison, size_t width);

}  // namespace tessera
