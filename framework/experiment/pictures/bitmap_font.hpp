// Text in pictures: the fixed 6x13 font of the X Window System (misc-fixed, "Public domain font. Share and enjoy.").
#pragma once
#include <cstdint>
#include <string>

#include "core/png.hpp"

namespace tessera {

inline constexpr int64_t kGlyphWidth = 6, kGlyphHeight = 13;

// Writes ASCII text ("?" for anything else) with its top left corner at (row, column), `scale` times as large; cut at the edge.
void draw_text(Image8& rgb, int64_t row, int64_t column, const std::string& text, int64_t scale = 1);

}  // namespace tessera
