// Between interleaved 8-bit images and rows of a uint8 MCHW tensor.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/png.hpp"

namespace tessera {

// images_MCHW[index] = image. Sizes and three channels must fit; throws std::invalid_argument otherwise.
void store_image(const Image8& image, at::Tensor& images_MCHW, int64_t index);
// The inverse: one image of a uint8 CHW tensor, for PNG files.
Image8 image_of(const at::Tensor& image_CHW);

}  // namespace tessera
