// Draws follow the distribution that they claim: chi-square over 10^6 draws a setting, Bonferroni over all settings, and the
// same test rejects contexts that are wrong in ways seen in the wild.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <boost/math/distributions/chi_squared.hpp>

#include "tessera/noise.hpp"
#include "tessera/sampling.hpp"

namespace tessera {
namespace {

constexpr int64_t kRows = 2000, kPositions = 500, kCodes = 10;  // 10^6 draws

TokenLayout layout() { return TokenLayout({{1, kPositions, kCodes, false}}); }

// Two equal logits, and neighbours close enough for a wrong filter to show.
at::Tensor logits_K() { return torch::tensor({0.3, -1.2, 1.1, 0.3, -0.4, 2.0, 1.1, -3.0, 0.9, 0.0}); }

// The distribution of temperature, top-k, top-p in plain doubles: the reference.
std::vector<double> expected(DrawOptions options) {
  auto logits = logits_K();
  std::vector<int64_t> order(kCodes);
  for (int64_t k = 0; k < kCodes; ++k) order[static_cast<size_t>(k)] = k;
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return logits[a].item<float>() > logits[b].item<float>(); });
  std::vector<double> p(kCodes, 0.0);
  int64_t kept = options.top_k > 0 ? std::min(options.top_k, kCodes) : kCodes;
  double total = 0, mass = 0;
  for (int64_t i = 0; i < kept; ++i) total += std::exp(logits[order[static_cast<size_t>(i)]].item<float>() / options.temperature);
  for (int64_t i = 0; i < kept && (i == 0 || mass < options.top_p); ++i) {
    double share = std::exp(logits[order[static_cast<size_t>(i)]].item<float>() / options.temperature) / total;
    p[static_cast<size_t>(order[static_cast<size_t>(i)])] = share;
    mass += share;
  }
  for (auto& share : p) share /= mass;
  return p;
}

// Wrong on purpose: draws from other logits than it was given.
enum class Mutant { none, temperature_multiplied, top_k_one_more, ties_by_value, top_p_drops_crossing_token };

at::Tensor mutated(Mutant mutant, DrawOptions& options) {
  auto logits = logits_K();
  if (mutant == Mutant::temperature_multiplied) options.temperature = 1 / options.temperature;
  if (mutant == Mutant::top_k_one_more) ++options.top_k;
  if (mutant == Mutant::ties_by_value) {  // keeps all that equal the k-th
    auto kth = std::get<0>(logits.sort(-1, true))[options.top_k - 1];
    logits = logits.masked_fill(logits < kth, -INFINITY);
    options.top_k = 0;
  }
  if (mutant == Mutant::top_p_drops_crossing_token) {
    auto sorted = (logits / options.temperature).softmax(-1).sort(-1, true);
    auto gone = std::get<0>(sorted).cumsum(-1) > options.top_p;
    logits = logits.index_fill(0, std::get<1>(sorted).index({gone}), -INFINITY);
    options.top_p = 1;
  }
  return logits;
}

// Upper-tail probability of the draws' chi-square against `truth`; 0 where an impossible id was drawn.
double p_value(uint64_t seed, DrawOptions truth, Mutant mutant = Mutant::none) {
  auto options = truth;
  auto logits = mutated(mutant, options);
  SamplingContext context(seed, torch::arange(kRows), layout(), options);
  auto positions = torch::arange(kPositions).expand({kRows, kPositions}).contiguous();
  auto ids = context.draw(logits.expand({kRows, kPositions, kCodes}), positions, {}).ids_BQ;
  auto count = torch::bincount(ids.flatten(), {}, kCodes);
  auto probability = expected(truth);
  double statistic = 0;
  int64_t degrees = -1;
  for (int64_t k = 0; k < kCodes; ++k) {
    double found = static_cast<double>(count[k].item<int64_t>()), wanted = probability[static_cast<size_t>(k)] * kRows * kPositions;
    if (wanted == 0 && found > 0) return 0;
    if (wanted == 0) continue;
    statistic += (found - wanted) * (found - wanted) / wanted;
    ++degrees;
  }
  if (degrees == 0) return 1;
  return boost::math::cdf(boost::math::complement(boost::math::chi_squared(static_cast<double>(degrees)), statistic));
}

const DrawOptions kSettings[] = {{1, 0, 1},   {0.7, 0, 1}, {1.6, 0, 1},   {1, 2, 1},    {1, 3, 1},     {0.8, 5, 1},
                                 {1, 0, 0.5}, {1, 0, 0.9}, {1.3, 0, 0.8}, {1, 6, 0.85}, {0.9, 4, 0.6}, {1, 0, 1e-9}};

TEST(Draws, FollowTheirDistribution) {
  constexpr double kFamilyError = 1e-3;
  double threshold = kFamilyError / static_cast<double>(std::size(kSettings));
  uint64_t seed = 100;
  for (const auto& options : kSettings)
    EXPECT_GT(p_value(seed++, options), threshold)
        << "temperature " << options.temperature << ", top_k " << options.top_k << ", top_p " << options.top_p;
}

TEST(Draws, OfMutantsAreRejected) {
  double threshold = 1e-3 / static_cast<double>(std::size(kSettings));
  EXPECT_LT(p_value(7, {0.7, 0, 1}, Mutant::temperature_multiplied), threshold);
  EXPECT_LT(p_value(7, {1, 3, 1}, Mutant::top_k_one_more), threshold);
  EXPECT_LT(p_value(7, {1, 2, 1}, Mutant::ties_by_value), threshold);
  EXPECT_LT(p_value(7, {1, 0, 0.5}, Mutant::top_p_drops_crossing_token), threshold);
}

TEST(Draws, OfOnePositionAgainAreFreshAndIndependent) {
  // The second draw of a position does not depend on the first: chi-square of the pair table.
  SamplingContext context(5, torch::arange(kRows), layout(), {});
  auto positions = torch::arange(kPositions).expand({kRows, kPositions}).contiguous();
  auto uniform = torch::zeros({kRows, kPositions, 4});
  auto first = context.draw(uniform, positions, {}).ids_BQ, second = context.draw(uniform, positions, {}).ids_BQ;
  auto count = torch::bincount((first * 4 + second).flatten(), {}, 16).to(torch::kDouble);
  double wanted = kRows * kPositions / 16.0, statistic = ((count - wanted).square() / wanted).sum().item<double>();
  EXPECT_GT(boost::math::cdf(boost::math::complement(boost::math::chi_squared(15.0), statistic)), 1e-4);
}

TEST(Draws, DependOnSeedSamplePositionAndCountAlone) {
  auto logits = Noise(1, "test").normal({4, 6, kCodes}, "logits");
  auto positions = torch::arange(6).expand({4, 6}).contiguous();
  SamplingContext whole(9, torch::arange(4), layout(), {});
  auto together = whole.draw(logits, positions, {3, 8}).ids_BQ;
  // Other rows, other order, other step, one position a call: the same ids.
  SamplingContext part(9, torch::tensor({2}, torch::kLong), layout(), {});
  for (int64_t q = 5; q >= 0; --q)
    EXPECT_EQ(part.draw(logits.narrow(0, 2, 1).narrow(1, q, 1), positions.narrow(0, 2, 1).narrow(1, q, 1), {}).ids_BQ.item<int64_t>(),
              together[2][q].item<int64_t>());
}

TEST(Draws, ReportBothProbabilities) {
  auto logits = logits_K().expand({1, 1, kCodes});
  SamplingContext context(3, torch::zeros({1}, torch::kLong), layout(), {.temperature = 0.5, .top_k = 3});
  auto draw = context.draw(logits, torch::zeros({1, 1}, torch::kLong), {});
  int64_t id = draw.ids_BQ.item<int64_t>();
  EXPECT_NEAR(draw.logp_BQ.item<float>(), std::log(expected({0.5, 3, 1})[static_cast<size_t>(id)]), 1e-5);
  EXPECT_NEAR(draw.raw_logp_BQ.item<float>(), logits_K().log_softmax(-1)[id].item<float>(), 1e-5);
}

TEST(Draws, AddUpTheLogProbabilityOfTheLastDrawOfEachPosition) {
  SamplingContext context(3, torch::arange(2, torch::kLong), TokenLayout({{1, 4, kCodes, false}}), {0.7, 5, 1.0});
  auto logits = logits_K().expand({2, 2, kCodes});
  auto at_ = [](std::vector<int64_t> positions) { return torch::tensor(positions, torch::kLong).view({2, 2}); };
  auto first = context.draw(logits, at_({0, 1, 2, -1}), {0, 2});
  EXPECT_TRUE(torch::allclose(context.total_logp_B(), first.logp_BQ.sum(1)));
  // Position 1 of row 0 is drawn anew: what it was no longer counts.
  auto second = context.draw(logits, at_({1, 3, 0, 3}), {1, 2});
  auto expected = torch::stack({first.logp_BQ[0][0] + second.logp_BQ[0].sum(), first.logp_BQ[1][0] + second.logp_BQ[1].sum()});
  EXPECT_TRUE(torch::allclose(context.total_logp_B(), expected));
  EXPECT_LT(context.total_logp_B().max().item<float>(), 0);
}

// A code of probability 2^-22 must not lose to the resolution of the noise: 2^22 draws give one by the mean, at a rate that a
// generator of 23 bits gets wrong by a factor when it is rarer still.
TEST(Draws, GiveRareCodesTheirShare) {
  constexpr int64_t kTimes = 1 << 11, kAtOnce = 1 << 11, kRare = 64;
  // 64 codes of 2^-24 each beside one of nearly 1: 16 draws of 2^22 by the mean.
  auto logits = torch::cat({torch::zeros({1}), torch::full({kRare}, -24 * std::log(2.0))}).expand({kAtOnce, 1, kRare + 1});
  SamplingContext context(11, torch::arange(kAtOnce, torch::kLong), TokenLayout({{1, 1, kRare + 1, false}}), {});
  auto positions = torch::zeros({kAtOnce, 1}, torch::kLong);
  int64_t rare = 0;
  for (int64_t i = 0; i < kTimes; ++i) rare += context.draw(logits, positions, {0, 1}).ids_BQ.gt(0).sum().item<int64_t>();
  EXPECT_GE(rare, 3);  // Poisson of mean 16: below 3 or above 38 by chance once in 10^4
  EXPECT_LE(rare, 38);
}

TEST(Draws, AtTemperatureZeroTakeTheFirstOfTheBest) {
  SamplingContext context(3, torch::arange(50), layout(), {.temperature = 0});
  auto logits = torch::tensor({0.0, 1.0, 1.0, 0.5}).expand({50, 1, 4});
  auto draw = context.draw(logits, torch::zeros({50, 1}, torch::kLong), {});
  EXPECT_TRUE(draw.ids_BQ.equal(torch::ones({50, 1}, torch::kLong)));
  EXPECT_EQ(draw.logp_BQ.abs().max().item<float>(), 0);
}

TEST(Draws, PadWithZeros) {
  SamplingContext context(3, torch::arange(2), layout(), {});
  auto draw = context.draw(torch::zeros({2, 1, 4}), torch::tensor({{0}, {-1}}, torch::kLong), {});
  EXPECT_EQ(draw.ids_BQ[1][0].item<int64_t>(), 0);
  EXPECT_EQ(draw.logp_BQ[1][0].item<float>(), 0);
  EXPECT_EQ(draw.raw_logp_BQ[1][0].item<float>(), 0);
}

std::string text_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Draws, RefuseWhatCannotBeDrawn) {
  SamplingContext context(3, torch::arange(1), layout(), {});
  auto position = torch::full({1, 1}, 4, torch::kLong);
  EXPECT_EQ(text_of([&] {
              context.draw(torch::full({1, 1, 4}, NAN), position, {});
            }),
            "draw: no id can be drawn at position 4: its logits are NaN or all -inf");
  EXPECT_EQ(text_of([&] {
              context.draw(torch::zeros({1, 1, 4}), torch::full({1, 1}, 500, torch::kLong), {});
            }),
            "draw: position 500 outside a layout of 500");
  EXPECT_EQ(text_of([&] {
              context.draw(torch::zeros({2, 1, 4}), torch::zeros({2, 1}, torch::kLong), {});
            }),
            "draw: logits [2, 1, 4] and positions [2, 1] for 1 samples");
  EXPECT_EQ(text_of([] { SamplingContext(0, torch::arange(1), layout(), {.temperature = -1}); }), "temperature must be at least 0");
  EXPECT_EQ(text_of([] { SamplingContext(0, torch::arange(1), layout(), {.top_p = 0}); }), "top_p must lie in (0, 1]");
}

TEST(ChoiceNoise, IsStandardGumbel) {
  SamplingContext context(8, torch::arange(kRows), layout(), {});
  auto g = context.gumbel(torch::arange(kPositions).expand({kRows, kPositions}).contiguous(), "choice", {1, 8}).to(torch::kDouble);
  EXPECT_NEAR(g.mean().item<double>(), 0.57722, 5 * 1.2825 / 1000);  // five standard errors
  EXPECT_NEAR(g.var().item<double>(), 1.64493, 0.02);
  EXPECT_FALSE(
      g.equal(context.gumbel(torch::arange(kPositions).expand({kRows, kPositions}).contiguous(), "choice", {2, 8}).to(torch::kDouble)));
}

}  // namespace
}  // namespace tessera
