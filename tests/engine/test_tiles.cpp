// Tiles: a sample has the same bits however many are asked for, in what order, in how many processes. Compared by hashes of all
// logits, not by tokens: a draw would hide a difference in the last bits.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "conformance/suite.hpp"
#include "engine/sampler.hpp"
#include "registry/catalog/loader.hpp"

namespace tessera {
namespace {

const TokenLayout kLayout({{4, 4, 64}});

Subject plugin(const std::string& kind, const std::string& id) {
  return default_subject(load_plugin(std::string(TESSERA_BINARY_DIR) + "/plugins/" + kind + "/" + id + ".so", ""));
}

SampleRequest request(int64_t tile) {
  SampleRequest request;
  request.seed = 11;
  request.tile = tile;
  request.labels_of = [](const at::Tensor& sample_B) { return torch::full_like(sample_B, -1); };
  request.known_of = [](const at::Tensor& sample_B) { return torch::full({sample_B.size(0), kLayout.length()}, -1, torch::kLong); };
  return request;
}

struct Pair {
  const char *prior, *sampling;
};
class Tiles : public ::testing::TestWithParam<Pair> {
 protected:
  // Hash of every sample of these tiles, by sample index.
  std::map<int64_t, uint64_t> hashes(int64_t tile, const std::vector<int64_t>& order, bool guided = false) {
    auto prior = make<Prior>(plugin("priors", GetParam().prior), {kLayout, 3, nullptr}, 4);
    // The head starts near zero: noise makes logits differ by row and position.
    torch::NoGradGuard no_grad;
    torch::manual_seed(9);
    for (auto& parameter : prior->parameters()) parameter.add_(0.1 * torch::randn_like(parameter));
    auto strategy = make<SamplingStrategy>(plugin("sampling", GetParam().sampling), {});
    auto asked = request(tile);
    if (guided) {
      asked.logits.guidance = 2;
      asked.labels_of = [](const at::Tensor& sample_B) { return sample_B % 3; };
    }
    std::map<int64_t, uint64_t> out;
    for (int64_t index : order) {
      auto made = sample_tile(*prior, *strategy, kLayout, asked, index);
      for (int64_t row = 0; row < tile; ++row) out[made.sample_B[row].item<int64_t>()] = made.logit_hash_B[static_cast<size_t>(row)];
    }
    return out;
  }
};

TEST_P(Tiles, OrderAndNumberOfTilesChangeNoLogit) {
  auto all = hashes(32, {0, 1, 2});
  EXPECT_EQ(all.size(), 96u);
  EXPECT_EQ(all, hashes(32, {2, 1, 0}));
  auto some = hashes(32, {1});
  for (auto [sample, hash] : some) EXPECT_EQ(hash, all.at(sample)) << "sample " << sample;
}

TEST_P(Tiles, GuidedToo) { EXPECT_EQ(hashes(16, {0, 1}, true), hashes(16, {1, 0}, true)); }

TEST_P(Tiles, WithoutWholeTilesLogitsDiffer) {
  // The mutant: rows computed in blocks of as many as happen to be asked for. Which sizes round otherwise is the CPU's affair.
  auto whole = hashes(32, {0});
  int64_t differing = 0;
  for (int64_t rows : {1, 2, 3, 5, 9, 24})
    for (auto [sample, hash] : hashes(rows, {0, 1})) differing += sample < 32 && whole.at(sample) != hash;
  EXPECT_GT(differing, 0) << "smaller blocks gave the bits of blocks of 32: this test cannot see what it is for";
}

TEST_P(Tiles, DifferentSamplesDiffer) {
  auto all = hashes(32, {0});
  std::map<uint64_t, int> count;
  for (auto [sample, hash] : all) ++count[hash];
  EXPECT_EQ(count.size(), all.size());
}

INSTANTIATE_TEST_SUITE_P(Strategies, Tiles,
                         ::testing::Values(Pair{"gpt", "scan_line"}, Pair{"maskgit", "iterative_masking"}, Pair{"maskgit", "halton"}),
                         [](const auto& info) { return std::string(info.param.prior) + "_" + info.param.sampling; });

TEST(Refusal, NamesWhatIsMissing) {
  Needs needs;
  needs.any_order = true;
  EXPECT_EQ(refusal(needs, Order::raster(16), kLayout),
            "the strategy asks positions in any order, the prior answers in its own order only");
  EXPECT_EQ(refusal(needs, Order::any(16), kLayout), "");
  needs.spatial = true;
  EXPECT_EQ(refusal(needs, Order::any(32), TokenLayout({{1, 32, 16, false}})),
            "the strategy needs tokens with places, the layout 1x32 of 16 (no grid) has none");
}

}  // namespace
}  // namespace tessera
