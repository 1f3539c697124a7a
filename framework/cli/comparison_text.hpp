// The comparison table as text: a block for each part, arms down, metrics across, as many as fit the width.
#pragma once
#include <string>

#include "cli/verb.hpp"
#include "experiment/compare/comparison.hpp"

namespace tessera {

// `common`: of the command lines that it suggests.
std::string comparison_text(const Comparison& comparison, const CommonOptions& common, size_t width);

}  // namespace tessera
