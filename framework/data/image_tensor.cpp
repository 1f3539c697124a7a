#include "data/image_tensor.hpp"

#include <stdexcept>

namespace tessera {

void store_image(const Image8& image, at::Tensor& images_MCHW, int64_t index) {
  const int64_t height = images_MCHW.size(2), width = images_MCHW.size(3);
  if (image.channels != 3 || image.height != height || image.width != width || images_MCHW.size(1) != 3) {
    throw std::invalid_argument("store_image: image and tensor differ in size or channels");
  }
  const int64_t plane = height * width;
  auto* out = images_MCHW.mutable_data_ptr<uint8_t>() + index * 3 * plane;
  for (int64_t i = 0; i < plane; i++) {
    for (int64_t c = 0; c < 3; c++) out[c * plane + i] = image.pixels[static_cast<size_t>(i * 3 + c)];
  }
}

Image8 image_of(const at::Tensor& image_CHW) {
  if (image_CHW.dim() != 3 || image_CHW.scalar_type() != at::kByte) throw std::invalid_argument("image_of: expected uint8 CHW");
  const at::Tensor pixels_HWC = image_CHW.permute({1, 2, 0}).contiguous();
  const auto* data = pixels_HWC.const_data_ptr<uint8_t>();
  return {image_CHW.size(1), image_CHW.size(2), image_CHW.size(0), std::vector<uint8_t>(data, data + pixels_HWC.numel())};
}

}  // namespace tessera
