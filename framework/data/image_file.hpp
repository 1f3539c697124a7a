// PNG and JPEG bytes to 8-bit RGB, and sizes. Grey, palette, 16-bit and transparent images become RGB on white; EXIF orientation
// and colour profiles are ignored: pixels are taken as sRGB in the order stored.
#pragma once
#include <string>
#include <string_view>

#include "core/png.hpp"

namespace tessera {

// By the first bytes, not by the name. Throws Error(bad_config) "<name>: …"; a truncated JPEG, which libjpeg would fill
// with grey, counts as damaged.
Image8 decode_image(std::string_view bytes, const std::string& name);

// Each side on its own: shrinking averages the area that a new pixel covers (no aliasing), growing interpolates linearly. In sRGB
// values, as the tools that papers compare with do.
Image8 resize(const Image8& image, int64_t height, int64_t width);
// The shorter side becomes `size`, then the middle is cut out.
Image8 resize_and_crop(const Image8& image, int64_t size);
// White borders, equal on both sides, to a square.
Image8 pad_to_square(const Image8& image);

}  // namespace tessera
