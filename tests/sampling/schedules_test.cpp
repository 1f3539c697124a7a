// Golden vectors of the mask schedules and of the Halton order, computed apart from this code (cosine: 2202.04200, Halton: 2503.17076).
#include <gtest/gtest.h>

#include <numeric>
#include <sstream>

#include "nn/halton.hpp"
#include "nn/schedules.hpp"

namespace tessera {
namespace {

std::vector<int64_t> masked_after_each(const std::string& name, int64_t positions, int64_t steps) {
  MaskSchedule schedule(name);
  std::vector<int64_t> counts;
  int64_t masked = positions;
  for (int64_t step = 0; step < steps; ++step) counts.push_back(masked = schedule.masked_after(step, steps, positions, masked));
  return counts;
}

std::vector<int64_t> list(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<int64_t>(stream), {}};
}

struct Golden {
  int64_t positions, steps;
  const char *name, *counts;
};
const Golden kGolden[] = {
    {256, 8, "cosine", "251 236 212 181 142 97 49 0"},
    {256, 8, "arccos", "235 214 193 170 145 117 82 0"},
    {256, 8, "linear", "224 192 160 128 96 64 32 0"},
    {256, 8, "square", "252 240 220 192 156 112 60 0"},
    {256, 8, "cubic", "255 252 242 224 193 148 84 0"},
    {256, 8, "root", "165 128 99 74 53 34 16 0"},
    {256, 12, "cosine", "253 247 236 221 203 181 155 128 97 66 33 0"},
    {256, 12, "arccos", "242 228 214 200 185 170 154 137 117 95 67 0"},
    {256, 12, "linear", "234 213 192 170 149 128 106 85 64 42 21 0"},
    {256, 12, "square", "254 248 240 227 211 192 168 142 112 78 40 0"},
    {256, 12, "cubic", "255 254 252 246 237 224 205 180 148 107 58 0"},
    {256, 12, "root", "182 151 128 108 90 74 60 46 34 22 10 0"},
    {64, 8, "cosine", "62 59 53 45 35 24 12 0"},
    {64, 8, "arccos", "58 53 48 42 36 29 20 0"},
    {64, 8, "linear", "56 48 40 32 24 16 8 0"},
    {64, 8, "square", "63 60 55 48 39 28 15 0"},
    {64, 8, "cubic", "63 62 60 56 48 37 21 0"},
    {64, 8, "root", "41 32 24 18 13 8 4 0"},
};

TEST(MaskSchedule, MasksTheGoldenCounts) {
  for (const auto& golden : kGolden)
    EXPECT_EQ(masked_after_each(golden.name, golden.positions, golden.steps), list(golden.counts))
        << golden.name << ", " << golden.positions << " positions in " << golden.steps << " steps";
}

TEST(MaskSchedule, CommitsOneAStepWhenThereAreMoreStepsThanPositions) {
  for (const auto& name : MaskSchedule::names()) {
    auto counts = masked_after_each(name, 5, 40);
    int64_t before = 5;
    for (int64_t masked : counts) {
      EXPECT_TRUE(masked < before || masked == 0) << name;
      before = masked;
    }
    EXPECT_EQ(counts.back(), 0) << name;
  }
}

TEST(MaskSchedule, OneStepCommitsAllAndNothingMaskedStaysNothing) {
  for (const auto& name : MaskSchedule::names()) {
    EXPECT_EQ(MaskSchedule(name).masked_after(0, 1, 64, 64), 0);
    EXPECT_EQ(MaskSchedule(name).masked_after(0, 8, 0, 0), 0);
  }
}

// E[gamma] over r ~ U(0, 1), by the midpoint rule.
TEST(MaskSchedule, HasTheMeanOfItsFormula) {
  const std::pair<const char*, double> means[] = {{"linear", 0.5},    {"cosine", 0.6366}, {"arccos", 0.6366},
                                                  {"square", 0.6667}, {"cubic", 0.75},    {"root", 0.3333}};
  for (const auto& mean : means) {
    double sum = 0;
    for (int i = 0; i < 100000; ++i) sum += MaskSchedule(mean.first).masked_fraction((i + 0.5) / 100000);
    EXPECT_NEAR(sum / 100000, mean.second, 1e-4) << mean.first;
  }
}

TEST(MaskSchedule, GoesFromAllToNothing) {
  for (const auto& name : MaskSchedule::names()) {
    MaskSchedule schedule(name);
    EXPECT_NEAR(schedule.masked_fraction(0), 1, 1e-12);
    EXPECT_NEAR(schedule.masked_fraction(1), 0, 1e-12);
    for (double r = 0; r < 0.999; r += 0.01) EXPECT_GT(schedule.masked_fraction(r), schedule.masked_fraction(r + 0.001)) << name;
    EXPECT_EQ(schedule.masked_in_training(0, 64), 64);
    EXPECT_EQ(schedule.masked_in_training(0.999999, 64), 1);
  }
  EXPECT_EQ(MaskSchedule("cosine").masked_in_training(2.0 / 3, 64), 32);  // cos 60 degrees: no 33rd by rounding
  EXPECT_THROW(MaskSchedule("cosinus"), std::invalid_argument);
}

std::vector<std::pair<int64_t, int64_t>> first_cells(int64_t size) {
  std::vector<std::pair<int64_t, int64_t>> cells;
  for (int64_t cell : halton_order(size, size)) {
    cells.emplace_back(cell / size, cell % size);
    if (cells.size() == 16) break;
  }
  return cells;
}

TEST(Halton, VisitsTheGoldenCells) {
  using Cells = std::vector<std::pair<int64_t, int64_t>>;
  EXPECT_EQ(first_cells(16), (Cells{{8, 5},
                                    {4, 10},
                                    {12, 1},
                                    {2, 7},
                                    {10, 12},
                                    {6, 3},
                                    {14, 8},
                                    {1, 14},
                                    {9, 0},
                                    {5, 5},
                                    {13, 11},
                                    {3, 2},
                                    {11, 7},
                                    {7, 13},
                                    {15, 4},
                                    {0, 9}}));
  EXPECT_EQ(
      first_cells(8),
      (Cells{
          {4, 2}, {2, 5}, {6, 0}, {1, 3}, {5, 6}, {3, 1}, {7, 4}, {0, 7}, {4, 0}, {2, 2}, {6, 5}, {1, 1}, {5, 3}, {3, 6}, {7, 2}, {0, 4}}));
  EXPECT_EQ(
      first_cells(4),
      (Cells{
          {2, 1}, {1, 2}, {3, 0}, {0, 1}, {2, 3}, {1, 0}, {3, 2}, {0, 3}, {2, 0}, {1, 1}, {0, 0}, {1, 3}, {3, 1}, {0, 2}, {3, 3}, {2, 2}}));
}

TEST(Halton, TakesAsManyPointsAsItNeeds) {
  const std::pair<int64_t, int64_t> needed[] = {{4, 25}, {8, 79}, {16, 685}, {32, 2292}, {64, 10363}};
  for (const auto& golden : needed) {
    int64_t points = 0;
    auto order = halton_order(golden.first, golden.first, &points);
    EXPECT_EQ(points, golden.second) << golden.first;
  }
}

TEST(Halton, CoversEveryCellOfAnyGridOnce) {
  for (const auto& size : {std::pair<int64_t, int64_t>{3, 5}, {1, 7}, {13, 2}, {16, 24}, {1, 1}}) {
    auto order = halton_order(size.first, size.second);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(static_cast<size_t>(size.first * size.second));
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all) << size.first << "x" << size.second;
  }
}

TEST(Halton, CommitsTheGoldenNumbersPerStep) {
  MaskSchedule schedule("arccos");
  std::vector<int64_t> each;
  int64_t before = 0;
  for (int64_t step = 0; step < 32; ++step) {
    int64_t done = schedule.committed_after(step, 32, 256);
    each.push_back(done - before);
    before = done;
  }
  EXPECT_EQ(each, list("5 5 5 5 5 5 5 6 5 5 6 5 6 5 6 6 6 6 6 7 6 7 7 8 8 8 9 10 11 14 17 41"));
  EXPECT_EQ(before, 256);
}

}  // namespace
}  // namespace tessera
