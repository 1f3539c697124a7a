// Groups, duplicates and the split itself.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "data/duplicates.hpp"
#include "data/split.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

const Noise kNoise(3, "test");

at::Tensor images_of(int64_t count, int64_t height, int64_t width, const char* purpose) {
  return kNoise.uniform({count, 3, height, width}, purpose).mul(256).to(at::kByte);
}
// Every pair at full size: the definition.
DisjointSets all_pairs(const at::Tensor& images, double threshold) {
  DisjointSets sets(images.size(0));
  const at::Tensor x = images.flatten(1).to(at::kDouble).div(255);
  for (int64_t i = 0; i < x.size(0); i++) {
    for (int64_t j = i + 1; j < x.size(0); j++) {
      if ((x[i] - x[j]).square().mean().item<double>() < threshold) sets.unite(i, j);
    }
  }
  return sets;
}
std::vector<int64_t> first_members(DisjointSets& sets) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < sets.size(); i++) result.push_back(sets.first(i));
  return result;
}

TEST(DisjointSets, AreKnownByTheirSmallestMember) {
  DisjointSets sets(6);
  sets.unite(5, 3);
  sets.unite(4, 5);
  sets.unite(1, 0);
  EXPECT_EQ(first_members(sets), (std::vector<int64_t>{0, 0, 2, 3, 3, 3}));
}

// Clusters of perturbed images around the threshold, so that pairs fall on both sides of it; sides that 8 does not divide.
TEST(Duplicates, AreThoseOfAllPairs) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{16, 16}, {13, 19}, {5, 5}}) {
    const at::Tensor base = images_of(12, height, width, "base").to(at::kFloat).repeat_interleave(8, 0);
    const at::Tensor amount = kNoise.uniform({96, 1, 1, 1}, "amount").mul(16);
    const at::Tensor noise = kNoise.normal(base.sizes(), "noise");
    const at::Tensor images = (base + amount * noise).clamp(0, 255).to(at::kByte);
    DisjointSets wanted = all_pairs(images, 1e-3), found(96);
    unite_duplicates(images, 1e-3, found);
    EXPECT_EQ(first_members(found), first_members(wanted)) << height << " x " << width;
    DisjointSets separate(96);
    EXPECT_NE(first_members(wanted), first_members(separate));
    unite_duplicates(images, 0, separate);
    EXPECT_EQ(separate.first(95), 95) << "0 = off";
  }
}

// A shift of brightness by just below and just above the threshold: the first filter must not be too sharp, nor the last too blunt.
TEST(Duplicates, MeetTheThresholdExactly) {
  const at::Tensor grey = at::full({1, 3, 16, 16}, 100, at::kByte);
  const at::Tensor images = at::cat({grey, grey + 8, grey + 8 + 9});  // (8 / 255)^2 = 0.98e-3, (9 / 255)^2 = 1.25e-3
  DisjointSets sets(3);
  unite_duplicates(images, 1e-3, sets);
  EXPECT_EQ(first_members(sets), (std::vector<int64_t>{0, 0, 2}));
}

TEST(Duplicates, AreFoundAcrossBlocks) {
  at::Tensor images = images_of(2500, 8, 8, "many");
  images[2499].copy_(images[3]);
  images[1500].copy_(images[700]);
  DisjointSets sets(2500);
  unite_duplicates(images, 1e-3, sets);
  EXPECT_EQ(sets.first(2499), 3);
  EXPECT_EQ(sets.first(1500), 700);
  EXPECT_EQ(sets.first(42), 42);
}

std::vector<Split> split_of(DisjointSets sets, SplitRequest request, std::vector<bool> test = {}) {
  if (test.empty()) test.resize(static_cast<size_t>(sets.size()));
  return split_groups(sets, test, request);
}
int64_t count_of(const std::vector<Split>& splits, Split split) { return std::count(splits.begin(), splits.end(), split); }

TEST(SplitGroups, MeetTheNumberAndKeepGroupsWhole) {
  DisjointSets sets(1000);
  for (int64_t i = 0; i < 600; i++) sets.unite(i, i - i % 7);
  const auto splits = split_of(sets, {5, 0.1, 120});
  EXPECT_EQ(count_of(splits, Split::validation), 100);
  for (int64_t i = 0; i < 1000; i++) EXPECT_EQ(splits[static_cast<size_t>(i)], splits[static_cast<size_t>(sets.first(i))]);
  EXPECT_EQ(split_of(sets, {5, 0.1, 120}), splits);
  EXPECT_NE(split_of(sets, {6, 0.1, 120}), splits);
}

TEST(SplitGroups, LeaveLargeGroupsInTrain) {
  DisjointSets sets(100);
  for (int64_t i = 0; i < 50; i++) sets.unite(0, i);
  for (int64_t seed = 0; seed < 20; seed++) EXPECT_EQ(split_of(sets, {seed, 0.5, 49})[0], Split::train);
  bool chosen = false;
  for (int64_t seed = 0; seed < 20; seed++) chosen |= split_of(sets, {seed, 0.5, 50})[0] == Split::validation;
  EXPECT_TRUE(chosen);
}

TEST(SplitGroups, KeepTheTestImagesOfTheSource) {
  DisjointSets sets(100);
  std::vector<bool> test(100);
  for (size_t i = 0; i < 20; i++) test[i] = true;
  sets.unite(0, 99);
  const auto splits = split_of(sets, {0, 0.25, 120}, test);
  EXPECT_EQ(count_of(splits, Split::test), 20);
  EXPECT_EQ(count_of(splits, Split::validation), 20);
  EXPECT_NE(splits[99], Split::test);
}

// Each image is chosen about equally often: 400 splits of 60 images, 6 each.
TEST(SplitGroups, AreFair) {
  std::vector<int64_t> chosen(60);
  for (int64_t seed = 0; seed < 400; seed++) {
    const auto splits = split_of(DisjointSets(60), {seed, 0.1, 120});
    for (size_t i = 0; i < 60; i++) chosen[i] += splits[i] == Split::validation;
  }
  double chi_squared = 0;
  for (int64_t n : chosen) chi_squared += (static_cast<double>(n) - 40) * (static_cast<double>(n) - 40) / 36;  // variance 400 * 0.1 * 0.9
  EXPECT_LT(chi_squared, 110);  // 59 degrees of freedom: p = 6e-5
}

}  // namespace
}  // namespace tessera
