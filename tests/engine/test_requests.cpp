#include <gtest/gtest.h>
#include <torch/torch.h>

#include "engine/requests.hpp"

namespace tessera {
namespace {

const TokenLayout kLayout({{4, 4, 16}});

std::string cells(const std::string& request, const TokenLayout& layout = kLayout) {
  auto mask = known_mask_N(request, layout, 7);
  std::string text;
  for (int64_t i = 0; i < mask.size(0); ++i) text += mask[i].item<bool>() ? '1' : '0';
  return text;
}

std::string message(const std::string& request, const TokenLayout& layout = kLayout) {
  try {
    known_mask_N(request, layout, 7);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(KnownMask, NamedRequests) {
  EXPECT_EQ(cells("free"), "0000000000000000");
  EXPECT_EQ(cells("top_half"), "1111111100000000");
  EXPECT_EQ(cells("bottom_half"), "0000000011111111");
  EXPECT_EQ(cells("left_half"), "1100110011001100");
  EXPECT_EQ(cells("right_half"), "0011001100110011");
  EXPECT_EQ(cells("border"), "1111100110011111");
  EXPECT_EQ(cells("cells:1000000000000001"), "1000000000000001");
}

TEST(KnownMask, HalvesHoldInEveryPlane) { EXPECT_EQ(cells("top_half", TokenLayout({{2, 2, 4}, {2, 2, 8}})), "11001100"); }

TEST(KnownMask, RandomKnowsTheFraction) {
  EXPECT_EQ(known_mask_N("random:0.25", kLayout, 1).sum().item<int64_t>(), 4);
  EXPECT_EQ(cells("random:0.25"), cells("random:0.25"));
  EXPECT_FALSE(torch::equal(known_mask_N("random:0.5", kLayout, 1), known_mask_N("random:0.5", kLayout, 2)));
}

TEST(KnownMask, BadRequests) {
  EXPECT_EQ(message("upper"),
            "found 'upper', expected free, top_half, bottom_half, left_half, right_half, border, random:F or cells:0101…");
  EXPECT_EQ(message("random:1.5"), "found 'random:1.5', expected random:F with F from 0 to 1");
  EXPECT_EQ(message("random:x"), "found 'random:x', expected random:F with F from 0 to 1");
  EXPECT_EQ(message("cells:01"), "found 'cells:01', expected cells: and 16 digits 0 or 1");
  EXPECT_EQ(message("top_half", TokenLayout({{1, 32, 16, false}})),
            "found 'top_half', expected free, random:F or cells:…: these tokens have no places");
}

TEST(SampleLabels, DependOnTheSampleAlone) {
  auto train = torch::tensor({0, 1, 1, 2}, torch::kLong);
  auto all = sample_labels({"train"}, train, 3, torch::arange(40), 5);
  EXPECT_TRUE(torch::equal(all.slice(0, 10, 20), sample_labels({"train"}, train, 3, torch::arange(10, 20), 5)));
  EXPECT_EQ(all.min().item<int64_t>(), 0);
  EXPECT_EQ(all.max().item<int64_t>(), 2);
  EXPECT_TRUE(torch::equal(sample_labels({"2", "null"}, train, 3, torch::arange(4), 5), torch::tensor({2, -1, 2, -1}, torch::kLong)));
  EXPECT_TRUE(torch::equal(sample_labels({"train"}, train, 0, torch::arange(3), 5), torch::full({3}, -1, torch::kLong)));
  EXPECT_THROW(sample_labels({"3"}, train, 3, torch::arange(1), 5), std::invalid_argument);
  EXPECT_THROW(sample_labels({"cat"}, train, 3, torch::arange(1), 5), std::invalid_argument);
}

// The share is that asked for, each row is drawn alone, and labels that stay are those of the row.
TEST(DropLabels, DropsEachRowWithItsProbability) {
  const auto label_B = torch::arange(20000, torch::kLong) % 7;
  const auto noise = Noise(3, "test").at(0);
  const auto dropped_B = drop_labels(label_B, 0.1, noise) < 0;
  EXPECT_NEAR(dropped_B.to(torch::kDouble).mean().item<double>(), 0.1, 4 * std::sqrt(0.1 * 0.9 / 20000));
  EXPECT_TRUE(torch::equal(drop_labels(label_B, 0.1, noise).masked_select(~dropped_B), label_B.masked_select(~dropped_B)));
  // Neighbours share no fate: as many pairs as chance gives.
  const auto pairs = (dropped_B.slice(0, 1) & dropped_B.slice(0, 0, -1)).to(torch::kDouble).mean().item<double>();
  EXPECT_NEAR(pairs, 0.01, 4 * std::sqrt(0.01 * 0.99 / 20000));
  EXPECT_FALSE(torch::equal(drop_labels(label_B, 0.1, Noise(3, "test").at(1)), drop_labels(label_B, 0.1, noise))) << "another step";
  EXPECT_TRUE(torch::equal(drop_labels(label_B, 0.0, noise), label_B));
  EXPECT_TRUE((drop_labels(label_B, 1.0, noise) == -1).all().item<bool>());
}

}  // namespace
}  // namespace tessera
