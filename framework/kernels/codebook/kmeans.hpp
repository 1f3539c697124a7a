// k-means for the start of a codebook: k-means++ seeds (Arthur and Vassilvitskii, 2007), Lloyd iterations, and for a cluster
// that runs empty the vector that is served worst. Depends on the vectors and the noise alone: same result on every run.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "tessera/noise.hpp"

namespace tessera {

struct Clusters {
  at::Tensor centroid_KD;  // float32
  at::Tensor count_K;      // float32, vectors of each cluster, at least 1
};

// z_MD float32, M >= 1. With fewer than `codes` vectors the surplus centroids are vectors drawn again, moved by a hundredth of
// the spread of z, with a count of 1. `spherical`: rows of z have length 1, and so do centroids.
Clusters kmeans(const at::Tensor& z_MD, int64_t codes, int64_t iterations, const Noise& noise, bool spherical = false);

}  // namespace tessera
