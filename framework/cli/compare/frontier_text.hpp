// Frontiers as text: a table for each part, cost and quality, cheapest cell first, with who is dominated by whom.
#pragma once
#include <string>

#include "experiment/compare/comparison.hpp"

namespace tessera {

std::string frontiers_text(const Comparison& comparison, size_t width);

}  // namespace tessera
