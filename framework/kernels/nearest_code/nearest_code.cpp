// Checks and dispatch. CUDA code lives in a library of its own, opened on demand: a plugin that links these kernels thus
// loads where there is no CUDA.
#include "kernels/nearest_code/nearest_code.hpp"

#include <dlfcn.h>
#include <torch/torch.h>

#include "kernels/cuda/cuda_library.hpp"

namespace tessera {

namespace {

void check(const at::Tensor& z_MD, const at::Tensor& codebook_KD) {
  TORCH_CHECK(z_MD.dim() == 2 && codebook_KD.dim() == 2, "nearest_code: found z of ", z_MD.dim(), " and a codebook of ", codebook_KD.dim(),
              " axes, expected 2 and 2");
  TORCH_CHECK(z_MD.size(1) == codebook_KD.size(1), "nearest_code: found vectors of ", z_MD.size(1), " channels and codes of ",
              codebook_KD.size(1));
  TORCH_CHECK(codebook_KD.size(0) >= 1, "nearest_code: the codebook is empty");
  TORCH_CHECK(z_MD.scalar_type() == torch::kFloat && codebook_KD.scalar_type() == torch::kFloat, "nearest_code: found ", z_MD.scalar_type(),
              " and ", codebook_KD.scalar_type(), ", expected float32");
  TORCH_CHECK(z_MD.device() == codebook_KD.device(), "nearest_code: found z on ", z_MD.device(), " and the codebook on ",
              codebook_KD.device());
}

}  // namespace

at::Tensor nearest_code(const at::Tensor& z_MD, const at::Tensor& codebook_KD) {
  check(z_MD, codebook_KD);
  torch::NoGradGuard no_grad;
  auto z = z_MD.detach().contiguous(), codebook = codebook_KD.detach().contiguous();
  auto ids = torch::empty({z.size(0)}, z.options().dtype(torch::kLong));
  if (z.size(0) == 0) return ids;
  if (z.is_cpu()) {
    kernel::nearest_code_cpu(z.data_ptr<float>(), codebook.data_ptr<float>(), ids.data_ptr<int64_t>(), z.size(0), codebook.size(0),
                             z.size(1));
    return ids;
  }
  TORCH_CHECK(z.is_cuda(), "nearest_code: no kernel for tensors on ", z.device());
  auto launch = kernel::cuda_function<kernel::NearestCodeCuda>("tessera_nearest_code_cuda");
  int error = launch(z.data_ptr<float>(), codebook.data_ptr<float>(), ids.data_ptr<int64_t>(), z.size(0), codebook.size(0), z.size(1),
                     kernel::current_cuda_stream(z.device()));
  TORCH_CHECK(error == 0, "nearest_code: the CUDA launch failed with error ", error);
  return ids;
}

}  // namespace tessera
