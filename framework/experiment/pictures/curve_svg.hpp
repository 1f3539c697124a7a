// Curves as a picture that stays sharp in a paper: axes, legend, a line a cell, a band from the least to the greatest seed.
#pragma once
#include <string>

#include "experiment/pictures/curves.hpp"

namespace tessera {

struct CurveSvgRequest {
  bool logarithmic = false;  // the values' axis; what is not positive is left out
};

// Whole SVG file, UTF-8. Follows the reader's light or dark scheme where the viewer knows it.
// Throws Error(run_failed) where no curve has a number to draw.
std::string curve_svg(const Curves& curves, const CurveSvgRequest& request = {});

}  // namespace tessera
