#include "data/batch.hpp"

#include <ATen/Functions.h>

#include <stdexcept>

namespace tessera {

at::Tensor to_float(const at::Tensor& images_BCHW) { return images_BCHW.to(at::kFloat).div_(127.5).sub_(1.0); }

at::Tensor to_bytes(const at::Tensor& x_BCHW) {
  // Positive after the shift, so that + 0.5 and truncation round half up.
  return x_BCHW.detach().to(at::kFloat).add(1.0).mul_(127.5).clamp_(0, 255).add_(0.5).to(at::kByte);
}

at::Tensor gather_images(const Subset& subset, const at::Tensor& index_B) { return to_float(subset.images_MCHW.index_select(0, index_B)); }

at::Tensor view_of(const at::Tensor& x_BCHW, const std::string& view) {
  if (view == "identity") return x_BCHW;
  if (view == "flip") return x_BCHW.flip({3});
  throw std::invalid_argument("view_of: found '" + view + "', expected identity or flip");
}

at::Tensor augment(const at::Tensor& x_BCHW, const DataOptions& options, const Noise& noise) {
  at::Tensor x = x_BCHW;
  const int64_t batch = x.size(0), reach = options.random_shift;
  if (options.random_flip) {
    const at::Tensor flip_B = noise.uniform({batch}, "augment.flip").lt(0.5).to(x.device());
    x = at::where(flip_B.view({batch, 1, 1, 1}), x.flip({3}), x);
  }
  if (reach > 0) {
    // Rows and columns to read from, moved by the same offset for a whole image; clamping repeats the edge.
    const at::Tensor offset_B2 =
        noise.uniform({batch, 2}, "augment.shift").mul(static_cast<double>(2 * reach + 1)).to(at::kLong).sub(reach).to(x.device());
    const auto source = [&](int64_t axis, int64_t size) {
      return (at::arange(size, offset_B2.options()).unsqueeze(0) + offset_B2.select(1, axis).unsqueeze(1)).clamp(0, size - 1);
    };
    const at::Tensor rows_BH = source(0, x.size(2)), columns_BW = source(1, x.size(3));
    x = x.gather(2, rows_BH.view({batch, 1, -1, 1}).expand_as(x)).gather(3, columns_BW.view({batch, 1, 1, -1}).expand_as(x));
  }
  return x;
}

}  // namespace tessera
