// The definition of the nearest code, never optimised. Differences first, squares after: no cancellation.
#include <torch/torch.h>

#include "kernels/nearest_code/nearest_code.hpp"

namespace tessera {

at::Tensor nearest_code_reference(const at::Tensor& z_MD, const at::Tensor& codebook_KD) {
  auto difference_MKD = z_MD.to(torch::kDouble).unsqueeze(1) - codebook_KD.to(torch::kDouble).unsqueeze(0);
  auto distance_MK = difference_MKD.square().sum(-1);
  // argmin promises no particular index on ties; the first of a stable sort is the lowest.
  return std::get<1>(distance_MK.sort(/*stable=*/true, /*dim=*/1, /*descending=*/false)).select(1, 0).contiguous();
}

}  // namespace tessera
