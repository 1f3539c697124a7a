// The comparison table as text: a block for each part, arms down, metrics across, as many as fit the width.
#pragma once
#include <string>

#include "cli/verb.hpp"
#include "experiment/compare/comparison.hpp"

namespace tessera {

// `common`: of the command lines that it suggests.
std::string comparison_text(const Comparison& comparison, const CommonOptions& common, size_t width);

// A metric without a goal that is the same everywhere says what the others are counted over: it stands in the heading, not in the table.
bool is_heading(const ComparedPart& part, size_t metric);
// "samples.free · samples 256"
std::string part_heading(const ComparedPart& part);
// "real data: shuffled"; "real data: shuffled, all tokenizers" where its stages are not those of one.
std::string calibration_title(const ComparedRow& row);

}  // namespace tessera
