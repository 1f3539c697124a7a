// Laws of the distribution metrics: what they can tell apart, and that tiling and batching change nothing.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "metrics/coarse_bigram.hpp"
#include "metrics/frechet.hpp"
#include "metrics/nearest_neighbour.hpp"
#include "metrics/neighbours.hpp"
#include "metrics/random_features.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

const Noise kNoise(7, "test");
constexpr double kFeatureSum = 18.671923, kFeatureFive = 0.6665805;

// Smooth pictures: a coarse random grid, enlarged.
at::Tensor pictures(int64_t count, const char* purpose) {
  const at::Tensor coarse = kNoise.uniform({count, 3, 4, 4}, purpose).mul(255);
  return at::upsample_bilinear2d(coarse, {32, 32}, false).to(at::kByte);
}
// 4 x 4 pixel blocks permuted, the same way in every image.
at::Tensor shuffled(const at::Tensor& images) {
  const int64_t count = images.size(0);
  const at::Tensor blocks = images.view({count, 3, 8, 4, 8, 4}).permute({0, 2, 4, 1, 3, 5}).reshape({count, 64, 3, 4, 4});
  return blocks.index_select(1, kNoise.permutation(64, "blocks"))
      .view({count, 8, 8, 3, 4, 4})
      .permute({0, 3, 1, 4, 2, 5})
      .reshape(images.sizes());
}

TEST(RandomFeatures, DoNotDependOnTheBatch) {
  const at::Tensor images = pictures(130, "a");
  const at::Tensor all = random_features(images);
  EXPECT_EQ(all.size(1), kRandomFeatures);
  for (int64_t count : {1, 63, 64, 65}) EXPECT_TRUE(random_features(images.slice(0, 0, count)).equal(all.slice(0, 0, count))) << count;
}

TEST(RandomFeatures, TakeEverySizeOfImage) {
  for (int64_t side : {8, 12, 16, 33, 64}) {
    const at::Tensor features = random_features(at::full({2, 3, side, side + 3}, 200, at::kByte));
    EXPECT_TRUE(features.isfinite().all().item<bool>()) << side;
    EXPECT_GT(features.abs().sum().item<double>(), 0) << side;
  }
}

// Guards against a silent change of the network: the numbers of revision 1 of frechet_random_features.
TEST(RandomFeatures, AreThoseOfRevisionOne) {
  const at::Tensor features = random_features(at::arange(3 * 16 * 16, at::kLong).remainder(251).to(at::kByte).view({1, 3, 16, 16}))[0];
  EXPECT_NEAR(features.sum().item<double>(), kFeatureSum, 1e-4);
  EXPECT_NEAR(features[5].item<double>(), kFeatureFive, 1e-5);
}

TEST(FrechetRandomFeatures, TellsShuffledPicturesFromReal) {
  const at::Tensor reference = random_features(pictures(300, "a"));
  const at::Tensor other = pictures(300, "b");
  const double real = frechet_distance(random_features(other), reference);
  const double mixed = frechet_distance(random_features(shuffled(other)), reference);
  EXPECT_GT(mixed, 3 * real);
}

TEST(Neighbours, AgreeWithAllPairsAcrossTiles) {
  // More rows than a tile of 256 x 4096 has.
  const at::Tensor a = kNoise.normal({300, 6}, "na").to(at::kDouble), b = kNoise.normal({4200, 6}, "nb").to(at::kDouble);
  const at::Tensor all = (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(2).sqrt();
  const auto found = nearest_rows(a, b);
  EXPECT_TRUE(at::allclose(found.distance_M, std::get<0>(all.min(1)), 1e-12, 1e-12));
  EXPECT_TRUE(found.index_M.equal(std::get<1>(all.min(1))));
  const at::Tensor self = (b.slice(0, 0, 700).unsqueeze(1) - b.slice(0, 0, 700).unsqueeze(0)).square().sum(2).sqrt();
  const at::Tensor third = std::get<0>(self.kthvalue(4, 1));  // the first is the row itself
  EXPECT_TRUE(at::allclose(kth_neighbour_distance(b.slice(0, 0, 700), 3), third, 1e-9, 1e-9));
}

TEST(Neighbours, GiveACopyTheDistanceZero) {
  const at::Tensor bytes = pictures(40, "a").flatten(1);
  const auto found = nearest_rows(bytes.slice(0, 7, 9), bytes);
  EXPECT_EQ(found.distance_M.sum().item<double>(), 0);
  EXPECT_EQ(found.index_M[0].item<int64_t>(), 7);
  const double one_step = nearest_rows(at::zeros({1, 4}, at::kByte), at::full({1, 4}, 51, at::kByte)).distance_M.item<double>();
  EXPECT_NEAR(one_step, 0.4, 1e-12) << "bytes count as [0, 1]";
}

TEST(CloserToTrain, IsAHalfWithoutPreferenceAndOneForCopies) {
  const at::Tensor near = at::zeros({4}, at::kDouble), far = at::ones({4}, at::kDouble);
  EXPECT_EQ(closer_to_train(near, far), 1);
  EXPECT_EQ(closer_to_train(far, near), 0);
  EXPECT_EQ(closer_to_train(far, far), 0.5);
  const at::Tensor mixed = at::tensor({0.5, 2.0}, at::kDouble);
  EXPECT_EQ(closer_to_train(mixed, at::tensor({1.0, 2.0, 3.0, 4.0}, at::kDouble)), (1 + 0.625) / 2);
}

TEST(CoarseCodes, FindSeparatedClustersAndAreDeterministic) {
  const at::Tensor centres = kNoise.normal({16, 8}, "centres").mul(100);
  const at::Tensor codes = centres.repeat_interleave(20, 0) + kNoise.normal({320, 8}, "spread");
  const at::Tensor found = coarse_codes(codes, 320);
  EXPECT_TRUE(found.equal(coarse_codes(codes, 320)));
  // k-means++ may split one cluster and merge two, never scatter one.
  int64_t whole = 0;
  for (int64_t c = 0; c < 16; c++) whole += found.slice(0, 20 * c, 20 * c + 20).eq(found[20 * c]).all().item<bool>();
  EXPECT_GE(whole, 14);
}

TEST(CoarseCodes, FallBackToRangesOfTheIndex) {
  const at::Tensor ranges = coarse_codes({}, 64);
  EXPECT_EQ(ranges[3].item<int64_t>(), 0);
  EXPECT_EQ(ranges[4].item<int64_t>(), 1);
  EXPECT_EQ(ranges[63].item<int64_t>(), 15);
  EXPECT_TRUE(coarse_codes({}, 10).equal(at::arange(10)));
}

TEST(CoarseBigram, SeesShuffledPositionsWhichUnigramsCannot) {
  // Rows of one code each: neighbours across are always equal.
  const at::Tensor ids = at::arange(8).view({1, 8, 1}).expand({50, 8, 8}).reshape({50, 64});
  const at::Tensor mixed = ids.index_select(1, kNoise.permutation(64, "positions"));
  const Plane plane{8, 8, 8, true};
  const auto ordered = count_bigrams(ids, plane), broken = count_bigrams(mixed, plane);
  EXPECT_EQ(ordered.across.sum().item<double>(), 50 * 56);
  EXPECT_GT((ordered.across - broken.across).abs().sum().item<double>(), 50 * 56);
  EXPECT_FALSE(count_bigrams(ids, Plane{1, 64, 8, false}).down.defined());
}

}  // namespace
}  // namespace tessera
