#include <gtest/gtest.h>
#include <torch/torch.h>

#include "kernels/codebook/kmeans.hpp"
#include "kernels/codebook/segment_sums.hpp"
#include "kernels/nearest_code/nearest_code.hpp"

namespace tessera {
namespace {

const Noise kNoise(3, "codebook_kernels_test");

// Mean squared distance of z from its nearest row.
double distortion(const at::Tensor& z, const at::Tensor& codebook) {
  return (z - codebook.index_select(0, nearest_code(z, codebook))).square().sum(1).mean().item<double>();
}

TEST(SegmentSums, AddsRowsOfEachCode) {
  auto z = torch::arange(12, torch::kFloat).view({6, 2});
  auto ids = torch::tensor({3, 0, 3, 0, 3, 1}, torch::kLong);
  auto [count, sum] = segment_sums(z, ids, 5);
  EXPECT_TRUE(torch::equal(count, torch::tensor({2.f, 1.f, 0.f, 3.f, 0.f})));
  EXPECT_TRUE(torch::equal(sum, torch::tensor({{8.f, 10.f}, {10.f, 11.f}, {0.f, 0.f}, {12.f, 15.f}, {0.f, 0.f}})));
}

TEST(SegmentSums, EmptyAndGradientFree) {
  auto [count, sum] = segment_sums(torch::empty({0, 3}).requires_grad_(), torch::empty({0}, torch::kLong), 2);
  EXPECT_EQ(count.sum().item<float>(), 0);
  EXPECT_FALSE(sum.requires_grad());
}

TEST(KMeans, FindsSeparateClusters) {
  // Eight tight groups of different size in 4-D; k-means++ and eight centroids must find all of them.
  auto centres = kNoise.normal({8, 4}, "centres") * 10;
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < 8; ++i) parts.push_back(centres[i] + kNoise.at(i).normal({20 + 10 * i, 4}, "points") * 0.1);
  auto z = torch::cat(parts);
  auto clusters = kmeans(z, 8, 5, kNoise);
  EXPECT_LT(distortion(z, clusters.centroid_KD), 0.1);
  auto sizes = std::get<0>(clusters.count_K.sort());
  EXPECT_TRUE(torch::equal(sizes, torch::arange(20, 100, 10, torch::kFloat)));
}

TEST(KMeans, IterationsLowerTheDistortion) {
  auto z = kNoise.normal({2000, 8}, "z");
  double before = distortion(z, kmeans(z, 64, 0, kNoise).centroid_KD), after = distortion(z, kmeans(z, 64, 10, kNoise).centroid_KD);
  EXPECT_LT(after, 0.85 * before);
}

TEST(KMeans, SameNoiseSameCentroids) {
  auto z = kNoise.normal({500, 8}, "z");
  auto a = kmeans(z, 32, 5, kNoise), b = kmeans(z, 32, 5, kNoise), c = kmeans(z, 32, 5, kNoise.at(1));
  EXPECT_TRUE(torch::equal(a.centroid_KD, b.centroid_KD));
  EXPECT_FALSE(torch::equal(a.centroid_KD, c.centroid_KD));
}

TEST(KMeans, MostlyEqualVectorsDoNotWasteCodes) {
  // Half of an emoji is white: with random seeds half of the codes would be one vector.
  auto z = torch::cat({torch::ones({900, 4}), kNoise.normal({100, 4}, "rest")});
  auto clusters = kmeans(z, 64, 5, kNoise);
  auto used = segment_sums(z, nearest_code(z, clusters.centroid_KD), 64).count_K.gt(0).sum().item<int64_t>();
  EXPECT_GE(used, 60);
}

TEST(KMeans, FewerVectorsThanCodes) {
  auto z = kNoise.normal({5, 4}, "few");
  auto clusters = kmeans(z, 16, 5, kNoise);
  ASSERT_EQ(clusters.centroid_KD.size(0), 16);
  EXPECT_TRUE(torch::equal(clusters.centroid_KD.slice(0, 0, 5), z));
  EXPECT_TRUE(clusters.count_K.eq(1).all().item<bool>());
  EXPECT_TRUE(clusters.centroid_KD.isfinite().all().item<bool>());
  // No two rows are equal: a later training step can tell them apart.
  EXPECT_GT(torch::pdist(clusters.centroid_KD).min().item<double>(), 0);
  EXPECT_TRUE(kmeans(torch::ones({1, 3}), 2, 3, kNoise).centroid_KD.isfinite().all().item<bool>());
}

TEST(KMeans, SphericalCentroidsHaveLengthOne) {
  auto z = torch::nn::functional::normalize(kNoise.normal({300, 8}, "z"));
  auto clusters = kmeans(z, 16, 5, kNoise, /*spherical=*/true);
  EXPECT_TRUE(torch::allclose(clusters.centroid_KD.norm(2, 1), torch::ones({16}), 1e-5, 1e-6));
}

}  // namespace
}  // namespace tessera
