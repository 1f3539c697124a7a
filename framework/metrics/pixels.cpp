#include "metrics/pixels.hpp"

namespace tessera {

at::Tensor unit_from_bytes(const at::Tensor& images_MCHW) { return images_MCHW.to(at::kDouble).div_(255); }

at::Tensor unit_from_signed(const at::Tensor& x_MCHW) { return x_MCHW.detach().cpu().to(at::kDouble).add(1).div_(2).clamp_(0, 1); }

}  // namespace tessera
