// Images as metrics read them: float64 in [0, 1].
#pragma once
#include <ATen/core/Tensor.h>

namespace tessera {

at::Tensor unit_from_bytes(const at::Tensor& images_MCHW);
// From [-1, 1], clamped.
at::Tensor unit_from_signed(const at::Tensor& x_MCHW);
// The mean of f(original, reconstruction) is taken in blocks of rows, so that memory stays bounded: a value an image.
template <class Function>
at::Tensor by_image(const at::Tensor& images_MCHW, const at::Tensor& reconstruction_MCHW, Function f) {
  constexpr int64_t kRows = 256;
  at::Tensor result_M = at::empty({images_MCHW.size(0)}, at::kDouble);
  for (int64_t row = 0; row < images_MCHW.size(0); row += kRows) {
    const int64_t end = std::min(images_MCHW.size(0), row + kRows);
    result_M.slice(0, row, end) =
        f(unit_from_bytes(images_MCHW.slice(0, row, end)), unit_from_signed(reconstruction_MCHW.slice(0, row, end)));
  }
  return result_M;
}

}  // namespace tessera
