// What the three strategies ask and commit, step by step, on sessions whose answers are fixed; and their distribution.
#include <gtest/gtest.h>

#include <boost/math/distributions/chi_squared.hpp>

#include "conformance/tabular_prior.hpp"
#include "nn/halton.hpp"
#include "nn/schedules.hpp"
#include "plugin_files.hpp"

namespace tessera {
namespace {

// Independent positions with given logits; keeps what it was asked and told.
class FixedSession : public DecodeSession {
 public:
  FixedSession(at::Tensor logits_NK, const TokenLayout& layout, Order order, int64_t rows)
      : DecodeSession(std::move(order), layout, rows, at::kCPU), logits_NK_(std::move(logits_NK)) {}
  std::vector<at::Tensor> asked, committed;  // positions_BQ of each call

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step) override {
    asked.push_back(positions_BQ.clone());
    return logits_NK_.index_select(0, positions_BQ.clamp_min(0).flatten()).view({positions_BQ.size(0), positions_BQ.size(1), -1});
  }
  void do_commit(const at::Tensor& positions_BQ, const at::Tensor&) override { committed.push_back(positions_BQ.clone()); }

 private:
  at::Tensor logits_NK_;
};

TokenLayout grid(int64_t height, int64_t width, int64_t vocabulary = 4) { return TokenLayout({{height, width, vocabulary, true}}); }

std::shared_ptr<SamplingStrategy> strategy(const std::string& id, const std::vector<std::pair<std::string, OptionValue>>& options = {}) {
  for (auto& subject : built_plugins("sampling"))
    if (subject.name == id) {
      for (const auto& option : options) subject.values.set(option.first, option.second);
      return make<SamplingStrategy>(subject, {});
    }
  throw std::runtime_error("no strategy " + id);
}

std::unique_ptr<FixedSession> uniform_session(const TokenLayout& layout, int64_t rows, Order order) {
  return std::make_unique<FixedSession>(torch::zeros({layout.length(), layout.max_vocabulary()}), layout, std::move(order), rows);
}

void sample(SamplingStrategy& strategy, DecodeSession& session, DrawOptions options = {}) {
  SamplingContext context(1, torch::arange(session.batch()), session.layout(), options);
  strategy.sample(session, context);
}

// Positions of row `row` in call `positions_BQ`, padding left out.
std::vector<int64_t> row_of(const at::Tensor& positions_BQ, int64_t row) {
  std::vector<int64_t> list;
  for (int64_t q = 0; q < positions_BQ.size(1); ++q)
    if (int64_t position = positions_BQ[row][q].item<int64_t>(); position >= 0) list.push_back(position);
  return list;
}

TEST(IterativeMasking, CommitsAsManyAsTheScheduleSays) {
  for (const auto& name : MaskSchedule::names()) {
    auto session = uniform_session(grid(8, 8), 2, Order::any(64));
    sample(*strategy("iterative_masking", {{"schedule", name}}), *session);
    ASSERT_EQ(session->committed.size(), 8u) << name;
    int64_t masked = 64;
    for (int64_t step = 0; step < 8; ++step) {
      int64_t left = MaskSchedule(name).masked_after(step, 8, 64, masked);
      for (int64_t row = 0; row < 2; ++row)
        EXPECT_EQ(static_cast<int64_t>(row_of(session->committed[static_cast<size_t>(step)], row).size()), masked - left)
            << name << ", step " << step;
      masked = left;
    }
  }
}

TEST(IterativeMasking, EndsEarlyWhenStepsExceedPositions) {
  auto session = uniform_session(grid(1, 5), 3, Order::any(5));
  sample(*strategy("iterative_masking", {{"steps", int64_t{50}}}), *session);
  EXPECT_LE(session->asked.size(), 5u);
  EXPECT_FALSE((session->ids_BN() < 0).any().item<bool>());
}

TEST(IterativeMasking, InOneStepCommitsAll) {
  auto session = uniform_session(grid(4, 4), 2, Order::any(16));
  sample(*strategy("iterative_masking", {{"steps", int64_t{1}}}), *session);
  EXPECT_EQ(session->asked.size(), 1u);
  EXPECT_FALSE((session->ids_BN() < 0).any().item<bool>());
}

TEST(IterativeMasking, CountsEachRowFromItsOwnHoles) {
  auto session = uniform_session(grid(4, 4), 2, Order::any(16));
  auto known = torch::full({2, 16}, -1, torch::kLong);
  known[1].slice(0, 4).fill_(0);  // row 1: four holes
  session->commit_known(known);
  session->committed.clear();
  sample(*strategy("iterative_masking", {{"steps", int64_t{4}}, {"schedule", std::string("linear")}}), *session);
  for (const auto& positions : session->committed) {
    EXPECT_EQ(row_of(positions, 0).size(), 4u);
    EXPECT_EQ(row_of(positions, 1).size(), 1u);
  }
}

TEST(IterativeMasking, BreaksTiesByIndex) {
  auto session = uniform_session(grid(2, 4), 1, Order::any(8));
  sample(*strategy("iterative_masking", {{"steps", int64_t{4}}, {"schedule", std::string("linear")}, {"choice_temperature", 0.0}}),
         *session);
  std::vector<std::vector<int64_t>> expected{{0, 1}, {2, 3}, {4, 5}, {6, 7}};
  for (size_t step = 0; step < 4; ++step) EXPECT_EQ(row_of(session->committed[step], 0), expected[step]);
}

TEST(IterativeMasking, CommitsTheMostConfidentFirst) {
  // Position n is the surer the higher n; argmax draws, so confidence is known.
  auto logits = torch::zeros({8, 4});
  for (int64_t n = 0; n < 8; ++n) logits[n][1] = 0.5 * static_cast<double>(n + 1);
  FixedSession session(logits, grid(2, 4), Order::any(8), 1);
  sample(*strategy("iterative_masking", {{"steps", int64_t{4}}, {"schedule", std::string("linear")}, {"choice_temperature", 0.0}}), session,
         {.temperature = 0});
  std::vector<std::vector<int64_t>> expected{{6, 7}, {4, 5}, {2, 3}, {0, 1}};
  for (size_t step = 0; step < 4; ++step) EXPECT_EQ(row_of(session.committed[step], 0), expected[step]);
}

// The first step's choice, by the formula: raw log-probability + tau (1 - 1/T) Gumbel. Noise of another size chooses otherwise.
TEST(IterativeMasking, AddsAnnealedNoiseToTheConfidence) {
  constexpr int64_t kRows = 64, kSteps = 4;
  constexpr double kTau = 2.0;
  auto logits = torch::zeros({8, 4});
  for (int64_t n = 0; n < 8; ++n) logits[n][1] = 0.5 * static_cast<double>(n + 1);
  FixedSession session(logits, grid(2, 4), Order::any(8), kRows);
  sample(*strategy("iterative_masking", {{"steps", kSteps}, {"schedule", std::string("linear")}, {"choice_temperature", kTau}}), session,
         {.temperature = 0});
  SamplingContext context(1, torch::arange(kRows), session.layout(), {});
  auto noise_BN = context.gumbel(torch::arange(8).expand({kRows, 8}).contiguous(), "choice", {0, kSteps});
  auto confidence_N = std::get<0>(logits.log_softmax(-1).max(-1));
  auto as_with = [&](double scale) {
    int64_t same = 0;
    auto best_BN = (confidence_N + scale * noise_BN).argsort(true, 1, true);
    for (int64_t row = 0; row < kRows; ++row) {
      std::vector<int64_t> expected{best_BN[row][0].item<int64_t>(), best_BN[row][1].item<int64_t>()};
      std::sort(expected.begin(), expected.end());
      same += row_of(session.committed[0], row) == expected;
    }
    return same;
  };
  EXPECT_EQ(as_with(kTau * 3 / 4), kRows);
  EXPECT_LT(as_with(kTau * 1 / 4), kRows) << "annealed the wrong way";
  EXPECT_LT(as_with(kTau), kRows) << "not annealed";
  EXPECT_LT(as_with(0), kRows) << "no noise";
}

TEST(IterativeMasking, CanTakeConfidenceFromTheDistributionDrawnFrom) {
  auto logits = torch::zeros({8, 4});
  for (int64_t n = 0; n < 8; ++n) logits[n][1] = 0.5 * static_cast<double>(n + 1);
  for (const char* confidence : {"raw", "sampled"}) {
    FixedSession session(logits, grid(2, 4), Order::any(8), 1);
    sample(*strategy("iterative_masking", {{"steps", int64_t{4}},
                                           {"schedule", std::string("linear")},
                                           {"choice_temperature", 0.0},
                                           {"confidence", std::string(confidence)}}),
           session, {.temperature = 1, .top_k = 1});
    // Of one code left every draw is certain: the lower index goes first.
    EXPECT_EQ(row_of(session.committed[0], 0),
              confidence == std::string("raw") ? (std::vector<int64_t>{6, 7}) : (std::vector<int64_t>{0, 1}));
  }
}

TEST(Halton, AsksTheGoldenOrder) {
  auto session = uniform_session(grid(8, 8), 1, Order::any(64));
  sample(*strategy("halton", {{"steps", int64_t{8}}}), *session);
  std::vector<int64_t> asked;
  for (const auto& positions : session->asked)
    for (int64_t position : row_of(positions, 0)) asked.push_back(position);
  EXPECT_EQ(asked, halton_order(8, 8));
  ASSERT_EQ(session->asked.size(), 8u);
  EXPECT_EQ(session->asked[0].size(1), MaskSchedule("arccos").committed_after(0, 8, 64));
}

// The control for "does the order help": every cell once, another order for each sample, and uniform ones.
TEST(Halton, ARandomOrderIsAnotherForEachSampleAndUniform) {
  constexpr int64_t kRows = 400, kCells = 6;
  auto session = uniform_session(grid(2, 3), kRows, Order::any(kCells));
  sample(*strategy("halton", {{"steps", kCells}, {"order", std::string("random")}, {"schedule", std::string("linear")}}), *session);
  std::vector<int64_t> first(kCells), pairs(kCells * (kCells - 1));  // a cell is asked once: no pair of equals
  for (int64_t row = 0; row < kRows; ++row) {
    std::vector<int64_t> asked;
    for (const auto& positions : session->asked)
      for (int64_t position : row_of(positions, row)) asked.push_back(position);
    auto sorted = asked;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
    ++first[static_cast<size_t>(asked[0])];
    ++pairs[static_cast<size_t>(asked[0] * (kCells - 1) + asked[1] - (asked[1] > asked[0]))];
  }
  const auto chi_squared = [&](const std::vector<int64_t>& counts, double expected) {
    double sum = 0;
    for (int64_t count : counts) sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
    return sum;
  };
  EXPECT_LT(chi_squared(first, 400.0 / 6), 25.7) << "5 degrees of freedom, p = 1e-4";
  EXPECT_LT(chi_squared(pairs, 400.0 / 30), 66.2) << "29 degrees of freedom, p = 1e-4";
  // The raster order, tested likewise, is anything but uniform.
  std::vector<int64_t> raster = {kRows, 0, 0, 0, 0, 0};
  EXPECT_GT(chi_squared(raster, 400.0 / 6), 25.7);
}

TEST(Halton, TheRasterOrderIsTheIndexOrder) {
  auto session = uniform_session(grid(2, 3), 2, Order::any(6));
  sample(*strategy("halton", {{"steps", int64_t{3}}, {"order", std::string("raster")}}), *session);
  std::vector<int64_t> asked;
  for (const auto& positions : session->asked)
    for (int64_t position : row_of(positions, 1)) asked.push_back(position);
  EXPECT_EQ(asked, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Halton, RunsOnOblongGridsAndRollsEachSample) {
  auto session = uniform_session(grid(3, 5), 6, Order::any(15));
  sample(*strategy("halton", {{"steps", int64_t{15}}, {"randomise", true}}), *session);
  auto order = halton_order(3, 5);
  std::vector<std::vector<int64_t>> starts;
  for (int64_t row = 0; row < 6; ++row) {
    std::vector<int64_t> asked;
    for (const auto& positions : session->asked)
      for (int64_t position : row_of(positions, row)) asked.push_back(position);
    auto rolled = order;
    std::rotate(rolled.begin(), std::find(rolled.begin(), rolled.end(), asked[0]), rolled.end());
    EXPECT_EQ(asked, rolled);
    if (std::find(starts.begin(), starts.end(), asked) == starts.end()) starts.push_back(asked);
  }
  EXPECT_GT(starts.size(), 1u);
}

TEST(Halton, LeavesKnownCellsOutAndCountsAnew) {
  auto session = uniform_session(grid(4, 4), 1, Order::any(16));
  auto known = torch::full({1, 16}, -1, torch::kLong);
  known[0].slice(0, 0, 8).fill_(2);  // the top half
  session->commit_known(known);
  sample(*strategy("halton", {{"steps", int64_t{4}}}), *session);
  std::vector<int64_t> asked, expected;
  for (const auto& positions : session->asked)
    for (int64_t position : row_of(positions, 0)) asked.push_back(position);
  for (int64_t cell : halton_order(4, 4))
    if (cell >= 8) expected.push_back(cell);
  EXPECT_EQ(asked, expected);
  EXPECT_EQ(session->asked.size(), 4u);
  EXPECT_EQ(session->asked[0].size(1), MaskSchedule("arccos").committed_after(0, 4, 8));
}

TEST(ScanLine, AsksAWholeRankWhoseMembersDoNotSeeEachOther) {
  Order order;
  order.rank_N = {0, 1, 1, 1, 1};
  TokenLayout layout({{1, 1, 4, true}, {2, 2, 4, true}});
  auto session = uniform_session(layout, 2, order);
  sample(*strategy("scan_line"), *session);
  ASSERT_EQ(session->asked.size(), 2u);
  EXPECT_EQ(row_of(session->asked[1], 0), (std::vector<int64_t>{1, 2, 3, 4}));
}

TEST(ScanLine, TakesOnePositionAtATimeFromAMaskedPrior) {
  auto session = uniform_session(grid(2, 3), 2, Order::any(6));
  sample(*strategy("scan_line"), *session);
  ASSERT_EQ(session->asked.size(), 6u);
  for (int64_t n = 0; n < 6; ++n) EXPECT_EQ(row_of(session->asked[static_cast<size_t>(n)], 1), (std::vector<int64_t>{n}));
}

TEST(ScanLine, FollowsRanksThatAreNotIndices) {
  Order order;
  order.rank_N = {2, 0, 3, 1};
  order.sees_rank = true;
  auto session = uniform_session(grid(2, 2), 1, order);
  sample(*strategy("scan_line"), *session);
  std::vector<int64_t> asked;
  for (const auto& positions : session->asked) asked.push_back(positions[0][0].item<int64_t>());
  EXPECT_EQ(asked, (std::vector<int64_t>{1, 3, 0, 2}));
}

TEST(ScanLine, SkipsWhatEveryRowKnows) {
  auto session = uniform_session(grid(1, 4), 2, Order::raster(4));
  auto known = torch::tensor({{1, 1, -1, 1}, {1, -1, -1, 1}}, torch::kLong);
  session->commit_known(known);
  sample(*strategy("scan_line"), *session);
  ASSERT_EQ(session->asked.size(), 2u);
  EXPECT_TRUE(session->asked[0].equal(torch::tensor({{-1}, {1}}, torch::kLong)));
  EXPECT_TRUE(session->asked[1].equal(torch::tensor({{2}, {2}}, torch::kLong)));
}

// p-value of samples against the exact joint.
double joint_p_value(SamplingStrategy& strategy, TabularPrior& prior) {
  constexpr int64_t kSamples = 50000;
  torch::NoGradGuard no_grad;
  auto session = prior.open({torch::full({kSamples}, -1, torch::kLong)});
  sample(strategy, *session);
  auto ids = session->ids_BN().contiguous();
  std::vector<double> count(prior.joint().size());
  for (int64_t row = 0; row < kSamples; ++row) ++count[static_cast<size_t>(prior.entry(ids.data_ptr<int64_t>() + row * ids.size(1)))];
  double statistic = 0;
  for (size_t entry = 0; entry < count.size(); ++entry) {
    double wanted = prior.joint()[entry] * kSamples;
    statistic += (count[entry] - wanted) * (count[entry] - wanted) / wanted;
  }
  return boost::math::cdf(boost::math::complement(boost::math::chi_squared(static_cast<double>(count.size() - 1)), statistic));
}

// One position a step: the chain rule in Halton order. All at once: only the marginals are right.
TEST(Halton, IsExactWithAStepForEachPositionAndNotWithFewer) {
  TabularPrior prior(grid(2, 2, 3), Order::any(4));
  EXPECT_GT(joint_p_value(*strategy("halton", {{"steps", int64_t{1000}}}), prior), 1e-4);
  EXPECT_LT(joint_p_value(*strategy("halton", {{"steps", int64_t{1}}}), prior), 1e-9);
}

TEST(ScanLine, IsExactOverPlanesOfDifferentVocabulary) {
  TabularPrior prior(TokenLayout({{1, 1, 2, true}, {1, 3, 3, true}}), Order::raster(4));
  EXPECT_GT(joint_p_value(*strategy("scan_line"), prior), 1e-4);
}

}  // namespace
}  // namespace tessera
