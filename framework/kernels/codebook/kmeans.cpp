#include "kernels/codebook/kmeans.hpp"

#include <torch/torch.h>

#include "kernels/codebook/segment_sums.hpp"
#include "kernels/nearest_code/nearest_code.hpp"

namespace tessera {

namespace {

// k-means++: each next seed is drawn with probability proportional to its squared distance from the seeds so far.
at::Tensor seeds(const at::Tensor& z_MD, int64_t codes, const Noise& noise) {
  int64_t rows = z_MD.size(0);
  auto u = noise.uniform({codes}, "kmeans.seeds");
  const auto* draw = u.data_ptr<float>();
  auto chosen = torch::empty({codes}, torch::kLong);
  auto* out = chosen.data_ptr<int64_t>();
  at::Tensor distance_M;
  for (int64_t code = 0; code < codes; ++code) {
    int64_t row = std::min<int64_t>(rows - 1, static_cast<int64_t>(draw[code] * static_cast<float>(rows)));
    if (code > 0) {
      auto mass_M = distance_M.to(torch::kDouble).cumsum(0);
      double total = mass_M[rows - 1].item<double>();
      // All vectors are seeds already when nothing is left: any will do.
      if (total > 0)
        row = std::min(rows - 1, torch::searchsorted(mass_M, draw[code] * total, /*out_int32=*/false, /*right=*/true).item<int64_t>());
    }
    out[code] = row;
    auto next_M = (z_MD - z_MD[row]).square().sum(1);
    distance_M = code == 0 ? next_M : torch::minimum(distance_M, next_M);
  }
  return z_MD.index_select(0, chosen);
}

// Centroids of the assignment; an empty cluster takes one of the vectors farthest from their centroids.
Clusters update(const at::Tensor& z_MD, const at::Tensor& centroid_KD, bool spherical) {
  auto ids_M = nearest_code(z_MD, centroid_KD);
  auto [count_K, sum_KD] = segment_sums(z_MD, ids_M, centroid_KD.size(0));
  auto moved_KD = sum_KD / count_K.clamp_min(1).unsqueeze(1);
  auto empty = (count_K == 0).nonzero().squeeze(1);
  if (empty.numel() > 0) {
    auto error_M = (z_MD - centroid_KD.index_select(0, ids_M)).square().sum(1);
    auto worst = std::get<1>(error_M.sort(/*stable=*/true, 0, /*descending=*/true)).slice(0, 0, empty.numel());
    moved_KD.index_copy_(0, empty.slice(0, 0, worst.numel()), z_MD.index_select(0, worst));
  }
  if (spherical) moved_KD = torch::nn::functional::normalize(moved_KD, torch::nn::functional::NormalizeFuncOptions().dim(1));
  return {moved_KD, count_K};
}

}  // namespace

Clusters kmeans(const at::Tensor& z_MD, int64_t codes, int64_t iterations, const Noise& noise, bool spherical) {
  TORCH_CHECK(z_MD.dim() == 2 && z_MD.size(0) >= 1 && codes >= 1, "kmeans: found z ", z_MD.sizes(), " and ", codes, " codes");
  torch::NoGradGuard no_grad;
  auto z = z_MD.detach().contiguous();
  int64_t rows = z.size(0);

  // Fewer vectors than codes: all of them, then vectors drawn again with a little noise.
  if (rows < codes) {
    auto again = (noise.uniform({codes - rows}, "kmeans.again") * static_cast<double>(rows)).to(torch::kLong).clamp_max(rows - 1);
    auto spread = rows > 1 ? z.std(0, /*unbiased=*/false, /*keepdim=*/true) : torch::ones({1, z.size(1)}, z.options());
    auto jitter = noise.normal({codes - rows, z.size(1)}, "kmeans.jitter").to(z.device()) * spread * 0.01;
    auto centroids = torch::cat({z, z.index_select(0, again.to(z.device())) + jitter});
    if (spherical) centroids = torch::nn::functional::normalize(centroids, torch::nn::functional::NormalizeFuncOptions().dim(1));
    return {centroids, torch::ones({codes}, z.options())};
  }

  auto centroids = seeds(z, codes, noise);
  for (int64_t i = 0; i < iterations; ++i) centroids = update(z, centroids, spherical).centroid_KD;
  // Counts of the final centroids, not of those before the last move.
  auto counts = segment_sums(z, nearest_code(z, centroids), codes).count_K.clamp_min(1);
  return {centroids, counts};
}

}  // namespace tessera
