// Paired differences against scipy and statsmodels (golden/make_golden.py), and the coverage of the interval on simulated seeds. Each
// claim has a wrong implementation that the same check rejects.
#include "experiment/statistics/paired.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/json.hpp"

namespace tessera {
namespace {

class PairedGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = std::string(TESSERA_SOURCE_DIR) + "/tests/experiment/golden/";
    ASSERT_EQ(read_file(folder + "SHA256SUMS").substr(0, 64), sha256_file(folder + "statistics.json"));
    golden_ = parse_json(read_file(folder + "statistics.json"), "statistics.json");
  }
  static std::vector<double> differences(const Json& one) {
    std::vector<double> list;
    for (size_t i = 0; i < one.at("a").size(); ++i) list.push_back(one.at("b")[i].get<double>() - one.at("a")[i].get<double>());
    return list;
  }
  Json golden_;
};

TEST_F(PairedGolden, IntervalAndSignFlips) {
  ASSERT_GE(golden_.at("paired").size(), 7U);
  for (const auto& one : golden_.at("paired")) {
    const auto found = paired_difference(differences(one));
    EXPECT_NEAR(found.estimate.mean, one.at("mean"), 1e-12);
    EXPECT_NEAR(found.estimate.deviation.value(), one.at("deviation"), 1e-12);
    EXPECT_NEAR(found.estimate.mean - found.estimate.half_width.value(), one.at("low"), 1e-9);
    EXPECT_NEAR(found.estimate.mean + found.estimate.half_width.value(), one.at("high"), 1e-9);
    EXPECT_NEAR(found.p.value(), one.at("p"), 1e-12);
  }
}

TEST_F(PairedGolden, UnpairedOrOneSidedIsSeen) {
  int unpaired = 0, one_sided = 0;
  for (const auto& one : golden_.at("paired")) {
    const double n = static_cast<double>(one.at("a").size());
    const auto a = estimate(one.at("a").get<std::vector<double>>()), b = estimate(one.at("b").get<std::vector<double>>());
    const double pooled = std::sqrt(*a.deviation * *a.deviation + *b.deviation * *b.deviation) / std::sqrt(n);
    unpaired += std::abs(pooled - one.at("deviation").get<double>() / std::sqrt(n)) > 1e-6;
    one_sided += std::abs(sign_flip_p(differences(one)) / 2 - one.at("p").get<double>()) > 1e-6;
  }
  EXPECT_GE(unpaired, 6);
  EXPECT_EQ(one_sided, 7);
}

TEST_F(PairedGolden, Power) {
  for (const auto& one : golden_.at("power")) EXPECT_NEAR(paired_power(one.at("effect"), one.at("n")), one.at("power"), 1e-6);
  for (const auto& one : golden_.at("detectable")) EXPECT_NEAR(detectable_effect(one.at("n")), one.at("effect"), 1e-5);
  for (const auto& one : golden_.at("needed")) EXPECT_EQ(pairs_needed(one.at("effect")).value(), one.at("n").get<int64_t>());
  EXPECT_FALSE(pairs_needed(0));
  EXPECT_FALSE(pairs_needed(1e-4));
  EXPECT_EQ(pairs_needed(1e17).value(), 2);
}

// statsmodels' TTestPower: √2 deviations need 6.1 pairs, 2 need 4.2.
TEST(PairsMissing, ToSeeTheDifferenceFoundAndForAnExactTest) {
  const auto missing = [](const std::vector<double>& differences) { return pairs_missing(paired_difference(differences), 1); };
  EXPECT_EQ(missing({1, 3}).value(), 5) << "7 for √2 deviations";
  EXPECT_EQ(missing({1, 2}).value(), 4) << "5 would be enough for the t-test, the sign-flip test asks 6";
  EXPECT_EQ(missing({5}), std::nullopt) << "one pair has no spread";
  EXPECT_EQ(missing({2, 2, 2}), std::nullopt);
  EXPECT_EQ(missing({-1, 1}).value(), std::numeric_limits<double>::infinity()) << "nothing to be seen";
  EXPECT_EQ(missing({100, 101, 102, 100, 101, 102, 101}).value(), 0) << "seen, and more than 6";
  // Holm: the least p of 6 pairs is 1 / 32, of which four comparisons make 1 / 8; 2 * 4 / 2^8 is 0.03.
  EXPECT_EQ(pairs_missing(paired_difference({100, 101, 102, 100, 101, 102}), 4).value(), 2);
  EXPECT_EQ(exact_pairs(1), 6);
  EXPECT_EQ(exact_pairs(2), 7);
  EXPECT_EQ(exact_pairs(3), 7);
  EXPECT_EQ(exact_pairs(4), 8);
}

TEST_F(PairedGolden, Holm) {
  const auto p = golden_.at("holm").at("p").get<std::vector<double>>();
  const auto found = holm(p);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(found[i], golden_.at("holm").at("adjusted")[i], 1e-12);
  EXPECT_EQ(holm({0.7, 0.6, 0.01}), (std::vector<double>{1, 1, 0.03})) << "no p is above 1";
}

TEST(SignFlip, CountsTiesAndZeros) {
  EXPECT_DOUBLE_EQ(sign_flip_p({1, 1, 1}), 2.0 / 8);
  EXPECT_DOUBLE_EQ(sign_flip_p({1, -1}), 1.0);
  EXPECT_DOUBLE_EQ(sign_flip_p({0, 0, 3}), 1.0);
  EXPECT_DOUBLE_EQ(sign_flip_p({0.1, 0.2, 0.3}), 2.0 / 8) << "0.1 + 0.2 is not 0.3 in binary";
  EXPECT_DOUBLE_EQ(sign_flip_p({0.1, 0.2, -0.3}), 1.0);
  // Against all 2^n sums, one by one.
  std::mt19937_64 random(4);
  for (size_t n : {1, 2, 7, 11}) {
    std::vector<double> differences;
    for (size_t i = 0; i < n; ++i) differences.push_back(std::normal_distribution<double>(0.3, 1)(random));
    double found = 0, as_far = 0;
    for (double d : differences) found += d;
    for (size_t signs = 0; signs < (size_t{1} << n); ++signs) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += (signs >> i & 1 ? 1 : -1) * differences[i];
      as_far += std::abs(sum) >= std::abs(found) - 1e-12;
    }
    EXPECT_DOUBLE_EQ(sign_flip_p(differences), as_far / std::exp2(static_cast<double>(n))) << n;
  }
}

TEST(SignFlip, FortyPairsTakeNoTime) {
  std::vector<double> differences;
  for (int i = 0; i < 40; ++i) differences.push_back(i % 5 ? 1.0 + i * 0.01 : -1.0);
  const double p = sign_flip_p(differences);
  EXPECT_GT(p, 0);
  EXPECT_LT(p, 1e-3);
}

double one_tail_p(const std::vector<double>& differences) {
  std::mt19937_64 random(7);
  const double found = std::abs(std::accumulate(differences.begin(), differences.end(), 0.0));
  int64_t as_far = 1;
  for (int64_t i = 0; i < kRandomFlips; ++i) {
    double sum = 0;
    for (const double value : differences) sum += random() % 2 == 0 ? value : -value;
    as_far += sum >= found;
  }
  return static_cast<double>(as_far) / (kRandomFlips + 1.0);
}

// Beyond 24 pairs by chance, which must agree with all ways within four deviations of the draws; a count of one tail does not.
TEST(SignFlip, RandomFlipsAgreeWithAll) {
  std::mt19937_64 random(20261122);
  std::normal_distribution<double> normal;
  for (const double effect : {0.0, 0.2, 0.3}) {
    std::vector<double> differences;
    for (int i = 0; i < 27; ++i) differences.push_back(effect + normal(random));
    const double exact = sign_flip_p(differences), drawn = random_sign_flip_p(differences);
    const double bound = (4 * std::sqrt(exact * (1 - exact) * kRandomFlips) + 1) / kRandomFlips;
    EXPECT_NEAR(drawn, exact, bound) << effect;
    EXPECT_GT(std::abs(one_tail_p(differences) - exact), bound) << effect;
    EXPECT_EQ(paired_difference(differences).p, drawn) << "always the same number";
  }
  // The one found is among the draws: p is never 0.
  const auto sure = paired_difference(std::vector<double>(50, 1.0));
  EXPECT_DOUBLE_EQ(sure.p.value(), 1.0 / (kRandomFlips + 1.0));
  EXPECT_DOUBLE_EQ(sure.least_p, sure.p.value());
  EXPECT_FALSE(paired_difference({1, 2, 4}, false).p);
}

// A draw of 64 signs is not enough for 80 differences: with the others left alone p would be far from the normal approximation.
TEST(SignFlip, EveryDifferenceIsFlipped) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(0.15, 1);
  std::vector<double> differences;
  double sum = 0, squares = 0;
  for (int i = 0; i < 80; ++i) {
    differences.push_back(normal(random) + (i >= 64 ? 0.5 : 0));
    sum += differences.back(), squares += differences.back() * differences.back();
  }
  EXPECT_NEAR(random_sign_flip_p(differences), std::erfc(std::abs(sum) / std::sqrt(2 * squares)), 0.005);
}

TEST(PairedDifference, SaysWhatItCannotSay) {
  EXPECT_FALSE(paired_difference({1e308, 1e308}).p) << "their sum is no number";
  EXPECT_FALSE(paired_difference({}).p);
  const auto one = paired_difference({0.5});
  EXPECT_DOUBLE_EQ(one.p.value(), 1);
  EXPECT_FALSE(one.detectable);
  EXPECT_DOUBLE_EQ(paired_difference({1, 2, 3}).least_p, 0.25) << "three seeds cannot reach 0.05";
  const auto with_nan = paired_difference({1, NAN, 2});
  EXPECT_EQ(with_nan.estimate.n, 2);
  EXPECT_EQ(with_nan.estimate.n_nan, 1);
  EXPECT_DOUBLE_EQ(with_nan.p.value(), 0.5);
}

// Two cells at five seeds: what the seed does to both is four times what it does to one.
struct Coverage {
  double paired = 0, normal = 0, unpaired = 0;
};
Coverage coverage() {
  constexpr int64_t kRepetitions = 10000, kSeeds = 5;
  constexpr double kEffect = 0.7;
  std::mt19937_64 random(20261121);
  std::normal_distribution<double> normal;
  Coverage share;
  for (int64_t r = 0; r < kRepetitions; ++r) {
    std::vector<double> a, b, differences;
    for (int64_t seed = 0; seed < kSeeds; ++seed) {
      const double shared = 4 * normal(random);
      a.push_back(shared + normal(random));
      b.push_back(shared + kEffect + normal(random));
      differences.push_back(b.back() - a.back());
    }
    const auto found = estimate(differences);  // the interval of paired_difference
    const auto ea = estimate(a), eb = estimate(b);
    const double z = 1.96 * *found.deviation / std::sqrt(double{kSeeds});
    const double pooled = std::sqrt(*ea.deviation * *ea.deviation + *eb.deviation * *eb.deviation);
    share.paired += std::abs(found.mean - kEffect) <= *found.half_width;
    share.normal += std::abs(found.mean - kEffect) <= z;
    share.unpaired += std::abs(found.mean - kEffect) <= t_half_width(pooled, kSeeds);
  }
  share.paired /= kRepetitions, share.normal /= kRepetitions, share.unpaired /= kRepetitions;
  return share;
}

TEST(PairedDifference, CoversTheTruthAsOftenAsItSays) {
  const auto share = coverage();
  EXPECT_NEAR(share.paired, 0.95, 0.01);
  EXPECT_GT(std::abs(share.normal - 0.95), 0.01) << "a normal interval would pass";
  EXPECT_GT(std::abs(share.unpaired - 0.95), 0.01) << "an unpaired interval would pass";
}

}  // namespace
}  // namespace tessera
