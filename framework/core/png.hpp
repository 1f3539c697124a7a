// PNG from and to memory (libpng). Decoding brings every colour type and depth to 8 bits: palettes become RGB, tRNS becomes
// alpha, 1/2/4-bit grey is scaled, 16-bit is rounded to the nearest of 255 steps.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

struct Image8 {
  int64_t height = 0, width = 0, channels = 0;  // channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA
  std::vector<uint8_t> pixels;                  // row-major, channels interleaved
};

// Deterministic: no time stamps; the same pixels give the same bytes with the same libpng and zlib.
std::string encode_png(const Image8& image);
// Throws Error(run_failed) with libpng's reason; images beyond 16384 pixels a side or 64 million in all are refused.
Image8 decode_png(std::string_view bytes);
// Three channels; transparent parts on white.
Image8 to_rgb_on_white(const Image8& image);

}  // namespace tessera
