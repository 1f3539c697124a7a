// Metrics against independent implementations (golden/make_golden.py). Each has a mutant, a plausible wrong version of
// the same formula, that the same comparison rejects: so the tolerance is known to be tight enough to matter.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/json.hpp"
#include "data/tensor_file.hpp"
#include "metrics/bits_per_token.hpp"
#include "metrics/coarse_bigram.hpp"
#include "metrics/code_counts.hpp"
#include "metrics/codebook.hpp"
#include "metrics/distinct_codes.hpp"
#include "metrics/frechet.hpp"
#include "metrics/l1.hpp"
#include "metrics/neighbours.hpp"
#include "metrics/pixels.hpp"
#include "metrics/precision_recall.hpp"
#include "metrics/psnr.hpp"
#include "metrics/ssim.hpp"
#include "metrics/unigram.hpp"

namespace tessera {
namespace {

// Relative. float64 all the way: what is left is the order of summation and, for the Fréchet distance, the matrix root.
constexpr double kTolerance = 1e-9;

class Golden : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = std::string(TESSERA_SOURCE_DIR) + "/tests/metrics/golden/";
    document_ = parse_json(read_file(folder + "golden.json"), "golden.json");
    ASSERT_EQ(sha256_file(folder + "golden.safetensors"), document_["sha256"].get<std::string>());
    file_ = load_tensors(folder + "golden.safetensors");
    a_ = unit_from_bytes(file_.at("original"));
    b_ = unit_from_signed(file_.at("reconstruction"));
  }
  double expected(const std::string& name) const { return document_["expected"][name].get<double>(); }
  std::vector<double> expected_list(const std::string& name) const {
    std::vector<double> values;
    for (const Json& value : document_["expected"][name]) values.push_back(decode_number(value));
    return values;
  }
  // Does it agree? NaN agrees with NaN.
  static bool agrees(double found, double wanted) {
    if (std::isnan(wanted)) return std::isnan(found);
    return std::abs(found - wanted) <= kTolerance * std::max(1.0, std::abs(wanted));
  }
  bool agree(const at::Tensor& found_M, const std::string& name) const {
    const auto wanted = expected_list(name);
    if (found_M.size(0) != static_cast<int64_t>(wanted.size())) return false;
    for (size_t i = 0; i < wanted.size(); i++) {
      if (!agrees(found_M[static_cast<int64_t>(i)].item<double>(), wanted[i])) return false;
    }
    return true;
  }
  const at::Tensor& tensor(const std::string& name) const { return file_.at(name); }

  Json document_;
  TensorFile file_;
  at::Tensor a_, b_;
  const TokenLayout layout_{{Plane{3, 4, 10, true}}};
};

TEST_F(Golden, Psnr) {
  EXPECT_TRUE(agree(psnr(a_, b_), "psnr"));
  EXPECT_FALSE(agree(psnr(a_ * 255, b_ * 255), "psnr")) << "mutant: pixels on [0, 255] with a peak of 1";
  EXPECT_FALSE(agree(psnr(a_, tensor("reconstruction").to(at::kDouble).add(1).div(2)), "psnr")) << "mutant: not clamped";
}

TEST_F(Golden, InkPsnr) {
  EXPECT_TRUE(agree(ink_psnr(a_, b_), "ink_psnr"));
  EXPECT_FALSE(agree(psnr(a_, b_), "ink_psnr")) << "mutant: all pixels";
}

TEST_F(Golden, L1) {
  EXPECT_TRUE(agree(l1(a_, b_), "l1"));
  EXPECT_FALSE(agree(l1(a_ * 2 - 1, b_ * 2 - 1), "l1")) << "mutant: on [-1, 1]";
}

TEST_F(Golden, Ssim) {
  EXPECT_TRUE(agree(ssim(a_, b_), "ssim"));
  // Mutant: a uniform window of 7 x 7, scikit-image's default.
  const auto uniform = [&](const at::Tensor& x) { return at::avg_pool2d(x, {7, 7}, {1, 1}); };
  const at::Tensor ma = uniform(a_), mb = uniform(b_);
  const at::Tensor va = uniform(a_.square()) - ma.square(), vb = uniform(b_.square()) - mb.square(), c = uniform(a_ * b_) - ma * mb;
  const at::Tensor map = ((2 * ma * mb + 1e-4) * (2 * c + 9e-4)) / ((ma.square() + mb.square() + 1e-4) * (va + vb + 9e-4));
  EXPECT_FALSE(agree(map.flatten(1).mean(1), "ssim"));
}

TEST_F(Golden, FrechetDistance) {
  const at::Tensor a = tensor("features_a"), b = tensor("features_b");
  EXPECT_TRUE(agrees(frechet_distance(a, b), expected("frechet")));
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-9);
  const double trace = at::cov(a.t()).trace().item<double>() + at::cov(b.t()).trace().item<double>();
  const double mean = (a.mean(0) - b.mean(0)).square().sum().item<double>();
  EXPECT_FALSE(agrees(mean + trace, expected("frechet"))) << "mutant: without the cross term";
  const double biased = frechet_distance(a, b) - trace / 300;
  EXPECT_FALSE(agrees(biased, expected("frechet"))) << "mutant: population covariance";
}

TEST_F(Golden, PrecisionAndRecall) {
  const auto found = precision_recall(tensor("features_a"), tensor("features_b"), 3);
  EXPECT_TRUE(agrees(found.precision, expected("precision")));
  EXPECT_TRUE(agrees(found.recall, expected("recall")));
  const auto self_counted = precision_recall(tensor("features_a"), tensor("features_b"), 2);
  EXPECT_FALSE(agrees(self_counted.precision, expected("precision"))) << "mutant: the point counts as its own neighbour";
  const auto swapped = precision_recall(tensor("features_b"), tensor("features_a"), 3);
  EXPECT_FALSE(agrees(swapped.precision, expected("precision"))) << "mutant: the sets swapped";
}

TEST_F(Golden, NearestRows) {
  const auto found = nearest_rows(tensor("features_a"), tensor("features_b"));
  EXPECT_TRUE(agrees(found.distance_M.mean().item<double>(), expected("nearest")));
  EXPECT_FALSE(agrees(found.distance_M.square().mean().item<double>(), expected("nearest"))) << "mutant: squared distances";
}

TEST_F(Golden, Codebook) {
  const at::Tensor counts_K = code_counts(tensor("train_ids"), layout_)[0];
  EXPECT_TRUE(agrees(codebook_usage(counts_K), expected("usage")));
  EXPECT_TRUE(agrees(codebook_perplexity(counts_K), expected("perplexity")));
  EXPECT_FALSE(agrees(std::exp2(entropy(counts_K)), expected("perplexity"))) << "mutant: entropy in nats, power of 2";
}

TEST_F(Golden, Unigram) {
  EXPECT_TRUE(agrees(unigram_bits(tensor("train_ids"), tensor("sample_ids"), layout_), expected("unigram_bits")));
  EXPECT_FALSE(agrees(unigram_bits(tensor("sample_ids"), tensor("train_ids"), layout_), expected("unigram_bits")))
      << "mutant: frequencies of the wrong split";
  const at::Tensor p = code_counts(tensor("sample_ids"), layout_)[0], q = code_counts(tensor("train_ids"), layout_)[0];
  EXPECT_TRUE(agrees(total_variation(p, q), expected("unigram_tv")));
  EXPECT_FALSE(agrees(0.5 * (p - q).abs().sum().item<double>(), expected("unigram_tv"))) << "mutant: counts not normalised";
}

TEST_F(Golden, CoarseBigram) {
  SamplesStudy study;
  study.samples.ids_MN = tensor("sample_ids");
  study.reference.validation_ids_MN = tensor("train_ids");
  study.reference.layout = layout_;
  std::vector<Score> scores;
  coarse_bigram_metric().measure(study, scores);
  ASSERT_EQ(scores.size(), 1u);
  EXPECT_TRUE(agrees(scores[0].value, expected("bigram_tv")));
  study.reference.layout = TokenLayout({Plane{4, 3, 10, true}});
  scores.clear();
  coarse_bigram_metric().measure(study, scores);
  EXPECT_FALSE(agrees(scores[0].value, expected("bigram_tv"))) << "mutant: height and width swapped";
}

TEST_F(Golden, DistinctCodes) {
  EXPECT_TRUE(agrees(distinct_codes(tensor("sample_ids"), layout_).mean().item<double>(), expected("distinct")));
}

TEST(BitsPerToken, IsNatsOverTokensAndLogTwo) {
  // A uniform prior over 256 codes: 8 bits a token whatever the length.
  const at::Tensor nats_M = at::full({3}, 64 * std::log(256.0), at::kDouble);
  EXPECT_NEAR(bits_per_token(nats_M, 64).mean().item<double>(), 8, 1e-12);
  EXPECT_GT(std::abs(bits_per_token(nats_M, 1).mean().item<double>() - 8), 1) << "mutant: a sequence instead of a token";
}

}  // namespace
}  // namespace tessera
