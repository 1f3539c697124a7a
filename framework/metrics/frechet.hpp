// Fréchet distance of two Gaussians fitted to features (1706.08500). On random features, hence the name of the metric: it is no FID.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

// |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), sample covariances, float64; the root's trace is that of the symmetric
// (S1^(1/2) S2 S1^(1/2))^(1/2), so singular covariances need no offset. At least two rows each.
double frechet_distance(const at::Tensor& a_MF, const at::Tensor& b_LF);
SamplesMetric frechet_metric();

}  // namespace tessera
