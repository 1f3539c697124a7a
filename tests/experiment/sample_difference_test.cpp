// Differences sample by sample against statsmodels (golden/make_samples_golden.py), and the coverage of each of the three intervals in
// the world that it speaks of. Each claim has a wrong implementation that the same check rejects.
#include "experiment/statistics/sample_difference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/json.hpp"

namespace tessera {
namespace {

using Table = std::vector<std::vector<double>>;

std::vector<SampleValues> lists(const Table& table) {
  std::vector<SampleValues> all(table.size());
  for (size_t g = 0; g < table.size(); ++g)
    for (size_t i = 0; i < table[g].size(); ++i) all[g].emplace_back(static_cast<int64_t>(i), table[g][i]);
  return all;
}

// A mutant: every value is an independent one.
Estimate one_crowd(const Table& table) {
  std::vector<double> all;
  for (const auto& row : table) all.insert(all.end(), row.begin(), row.end());
  return estimate(all);
}

void expect_interval(const Estimate& found, const Json& interval) {
  EXPECT_NEAR(found.mean - found.half_width.value(), interval.at(0), 1e-9);
  EXPECT_NEAR(found.mean + found.half_width.value(), interval.at(1), 1e-9);
}

TEST(SampleDifference, Golden) {
  const std::string folder = std::string(TESSERA_SOURCE_DIR) + "/tests/experiment/golden/";
  ASSERT_NE(read_file(folder + "SHA256SUMS").find(sha256_file(folder + "samples.json") + "  samples.json\n"), std::string::npos);
  const auto golden = parse_json(read_file(folder + "samples.json"), "samples.json");
  int both = 0, own = 0, crowds_seen = 0;
  for (const auto& one : golden.at("cases")) {
    const auto table = one.at("d").get<Table>();
    const auto found = sample_difference(lists(table));
    EXPECT_EQ(found.samples, static_cast<int64_t>(table[0].size()));
    EXPECT_EQ(found.left_out, 0);
    EXPECT_NEAR(found.these_models.mean, one.at("mean"), 1e-12);
    expect_interval(found.these_models, one.at("these_models"));
    EXPECT_EQ(found.other_trainings.estimate.half_width.has_value(), one.contains("other_trainings"));
    if (one.contains("other_trainings")) {
      expect_interval(found.other_trainings.estimate, one.at("other_trainings"));
      const auto crowd = one_crowd(table);
      expect_interval(crowd, one.at("one_crowd"));  // the mutant is what it is said to be …
      crowds_seen += std::abs(*crowd.half_width - *found.these_models.half_width) > 1e-3 &&
                     std::abs(*crowd.half_width - *found.other_trainings.estimate.half_width) > 1e-3;  // … and would not pass
    }
    EXPECT_EQ(found.both_half_width.has_value(), one.contains("both")) << "two pairs do not tell the spread";
    if (one.contains("both")) {
      EXPECT_NEAR(*found.both_half_width, one.at("both"), 1e-9);
      ++both, own += one.at("both_is_the_widest").get<bool>();
    }
  }
  EXPECT_GE(both, 7);
  EXPECT_GE(own, 2) << "not only the wider of the other two";
  EXPECT_EQ(crowds_seen, 8);
}

TEST(SampleDifference, MatchesByIndexAndLeavesOutWhatOneLacks) {
  const SampleValues a = {{0, 1}, {1, 2}, {2, NAN}, {5, 9}}, b = {{1, 10}, {2, 3}, {5, 1}, {7, 4}};
  const auto differences = subtract(a, b);
  ASSERT_EQ(differences.size(), 5u);
  const auto found = sample_difference({differences});
  EXPECT_EQ(found.samples, 2) << "indices 1 and 5";
  EXPECT_EQ(found.left_out, 3);
  EXPECT_DOUBLE_EQ(found.these_models.mean, 0);
  EXPECT_FALSE(found.other_trainings.estimate.half_width);
  // By position in the lists instead of by index: another answer.
  EXPECT_NE((a[0].second - b[0].second + a[3].second - b[3].second) / 2, found.these_models.mean);
  EXPECT_EQ(sample_difference({subtract({}, b)}).samples, 0);
  EXPECT_EQ(sample_difference({}).samples, 0);
  const auto means = mean_by_sample({a, b});
  EXPECT_DOUBLE_EQ(means[1].second, 6);
  EXPECT_TRUE(std::isnan(means[0].second));
}

// d = effect + training + image + noise. What varies from one repetition to the next decides which interval must cover.
struct World {
  bool same_models, same_images;
};
struct Shares {
  double right = 0, crowd = 0, unpaired = 0;
};

Shares coverage(const World& world) {
  constexpr int64_t kRepetitions = 3000, kPairs = 4, kImages = 30;
  std::mt19937_64 random(world.same_models ? 7 : world.same_images ? 8 : 9);
  std::normal_distribution<double> normal;
  const auto draw = [&](size_t n, double scale) {
    std::vector<double> values(n);
    for (auto& value : values) value = scale * normal(random);
    return values;
  };
  auto training = draw(kPairs, 0.3), image = draw(kImages, 0.5);
  Shares share;
  for (int64_t r = 0; r < kRepetitions; ++r) {
    if (!world.same_models) training = draw(kPairs, 0.3);
    if (!world.same_images) image = draw(kImages, 0.5);
    // Both models see the same image, which is hard or easy: pairing takes that away.
    const auto hard = draw(kImages, 3);
    Table table(kPairs, std::vector<double>(kImages)), row = table, base = table;
    double truth = 0.2;
    if (world.same_models)
      for (double each : training) truth += each / kPairs;
    if (world.same_images)
      for (double each : image) truth += each / kImages;
    for (size_t g = 0; g < kPairs; ++g)
      for (size_t i = 0; i < kImages; ++i) {
        base[g][i] = hard[i] + 0.2 * normal(random);
        row[g][i] = hard[i] + 0.2 + training[g] + image[i] + 0.2 * normal(random);
        table[g][i] = row[g][i] - base[g][i];
      }
    const auto found = sample_difference(lists(table));
    const double off = std::abs(found.these_models.mean - truth);
    const double half = world.same_models   ? *found.these_models.half_width
                        : world.same_images ? *found.other_trainings.estimate.half_width
                                            : *found.both_half_width;
    share.right += off <= half;
    const auto crowd = one_crowd(table);
    share.crowd += off <= *crowd.half_width;
    if (!world.same_models) continue;
    const auto a = sample_difference(lists(row)).these_models, b = sample_difference(lists(base)).these_models;
    share.unpaired += off <= std::hypot(*a.half_width, *b.half_width);
  }
  share.right /= kRepetitions, share.crowd /= kRepetitions, share.unpaired /= kRepetitions;
  return share;
}

TEST(SampleDifference, EachIntervalCoversInItsOwnWorld) {
  const auto models = coverage({true, false});
  EXPECT_NEAR(models.right, 0.95, 0.015);
  EXPECT_LT(models.crowd, 0.90) << "pairs × images as one crowd would pass";
  EXPECT_GT(models.unpaired, 0.98) << "an unpaired interval would pass";
  const auto trainings = coverage({false, true});
  EXPECT_NEAR(trainings.right, 0.95, 0.015);
  EXPECT_LT(trainings.crowd, 0.90) << "pairs × images as one crowd would pass";
  const auto both = coverage({false, false});
  EXPECT_NEAR(both.right, 0.95, 0.02) << "Satterthwaite's degrees are an approximation";
  EXPECT_LT(both.crowd, 0.90) << "pairs × images as one crowd would pass";
}

}  // namespace
}  // namespace tessera
