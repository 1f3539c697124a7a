// From stored bytes to what networks see, and back.
#pragma once
#include <ATen/core/Tensor.h>

#include "data/data_set.hpp"
#include "tessera/noise.hpp"

namespace tessera {

// uint8 -> float32 in [-1, 1]: x = byte / 127.5 - 1.
at::Tensor to_float(const at::Tensor& images_BCHW);
// float32 -> uint8, clamped and rounded half away from zero; to_bytes(to_float(b)) == b.
at::Tensor to_bytes(const at::Tensor& x_BCHW);

// Rows index_B (int64, CPU) of a subset as float32 in [-1, 1].
at::Tensor gather_images(const Subset& subset, const at::Tensor& index_B);

// A view of DataOptions::views: "identity" or "flip" (left to right). Throws std::invalid_argument otherwise.
at::Tensor view_of(const at::Tensor& x_BCHW, const std::string& view);

// random_flip and random_shift of the options, row b drawn from (noise, b). Returns x itself where both are off. For training
// images only.
at::Tensor augment(const at::Tensor& x_BCHW, const DataOptions& options, const Noise& noise);

}  // namespace tessera
