// The comparison for a paper: a row for each metric and arm with mean ± sd, n, the difference from the baseline, its 95 % interval and p.
#pragma once
#include <string>

#include "experiment/compare/comparison.hpp"

namespace tessera {

// One table environment a part; needs \usepackage{booktabs}. The best mean of each metric that has a goal is bold.
std::string comparison_latex(const Comparison& comparison);
// One GitHub table a part.
std::string comparison_markdown(const Comparison& comparison);

// Text in LaTeX and in a cell of a GitHub table: every character stands for itself.
std::string latex_text(const std::string& text);
std::string markdown_text(const std::string& text);

}  // namespace tessera
