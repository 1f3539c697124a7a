// Features of a random convolutional network: no learned weights to download, the same numbers on every machine up to
// rounding, and no claim to be Inception's. Random filters see colour, edges and their arrangement over a few pixels (cf. Saxe et al.
// 2011); they know nothing of objects, so distances on them rank texture and layout, not meaning.
#pragma once
#include <ATen/core/Tensor.h>

namespace tessera {

inline constexpr int64_t kRandomFeatures = 64;

// uint8 M3HW -> float64 M x 64: 3 x 3 convolutions of stride 2 and ReLU, 3 -> 32 -> 64 -> 64 …, until the shorter side is at most 4,
// then the mean over positions. He-scaled normal weights by counter-based noise of a fixed key. An image's features do not depend on
// its neighbours in the batch: batches have one shape.
at::Tensor random_features(const at::Tensor& images_MCHW);

}  // namespace tessera
