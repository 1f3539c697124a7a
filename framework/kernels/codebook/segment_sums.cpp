#include "kernels/codebook/segment_sums.hpp"

#include <torch/torch.h>

namespace tessera {

SegmentSums segment_sums(const at::Tensor& z_MD, const at::Tensor& ids_M, int64_t codes) {
  TORCH_CHECK(z_MD.dim() == 2 && ids_M.dim() == 1 && z_MD.size(0) == ids_M.size(0), "segment_sums: found z ", z_MD.sizes(), " and ids ",
              ids_M.sizes(), ", expected [M, D] and [M]");
  torch::NoGradGuard no_grad;
  auto z = z_MD.detach();
  if (z.is_cpu()) {
    // index_add_ on the CPU is a loop in row order. bincount would refuse ids out of range on one side only.
    auto sums = torch::zeros({codes, z.size(1)}, z.options());
    auto counts = torch::zeros({codes}, z.options());
    sums.index_add_(0, ids_M, z);
    counts.index_add_(0, ids_M, torch::ones({z.size(0)}, z.options()));
    return {counts, sums};
  }
  // Atomic additions arrive in any order elsewhere: sort by code, then reduce each segment in order.
  auto sorted = ids_M.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  auto edges = torch::searchsorted(std::get<0>(sorted), torch::arange(codes + 1, ids_M.options()));
  auto lengths = edges.diff();
  auto sums = at::segment_reduce(z.index_select(0, std::get<1>(sorted)).contiguous(), "sum", lengths, {}, {}, 0, /*unsafe=*/true, 0.0);
  return {lengths.to(torch::kFloat), sums};
}

}  // namespace tessera
