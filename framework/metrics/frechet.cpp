#include "metrics/frechet.hpp"

#include <ATen/Functions.h>

namespace tessera {
namespace {

at::Tensor covariance(const at::Tensor& x_MF) {
  const at::Tensor centred = x_MF - x_MF.mean(0);
  return centred.t().matmul(centred) / static_cast<double>(x_MF.size(0) - 1);
}

// Of a positive semi-definite matrix; eigenvalues below zero are rounding.
at::Tensor symmetric_root(const at::Tensor& matrix) {
  const auto [values, vectors] = at::linalg_eigh(matrix);
  return (vectors * values.clamp_min(0).sqrt()).matmul(vectors.t());
}

}  // namespace

double frechet_distance(const at::Tensor& a_MF, const at::Tensor& b_LF) {
  const at::Tensor a = a_MF.to(at::kDouble), b = b_LF.to(at::kDouble);
  const at::Tensor covariance_a = covariance(a), covariance_b = covariance(b);
  const at::Tensor root_a = symmetric_root(covariance_a);
  const at::Tensor product = root_a.matmul(covariance_b).matmul(root_a);
  const at::Tensor cross = at::linalg_eigvalsh((product + product.t()) / 2).clamp_min(0).sqrt().sum();
  const at::Tensor mean = (a.mean(0) - b.mean(0)).square().sum();
  return (mean + covariance_a.trace() + covariance_b.trace() - 2 * cross).item<double>();
}

SamplesMetric frechet_metric() {
  return {{{"frechet_random_features", 1, "samples", "step", "min", "", false,
            "Fréchet distance (1706.08500) between samples and validation images on 64 features of a random convolutional network; "
            "not FID. Biased upwards where there are few images: compare at equal numbers."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            if (s.features_MF.size(0) < 2 || s.validation_features_MF.size(0) < 2) return;
            scores.push_back({"frechet_random_features", frechet_distance(s.features_MF, s.validation_features_MF), {}});
          },
          true};
}

}  // namespace tessera
