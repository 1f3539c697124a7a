// Bits per token against models whose likelihood is known by enumeration. An estimate with a wrong weight must be rejected.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "engine/likelihood.hpp"

namespace tessera {
namespace {

constexpr int64_t kTokens = 3, kCodes = 2;

// A joint distribution over 2^3 sequences, strongly correlated.
const double kJoint[8] = {0.30, 0.02, 0.03, 0.10, 0.05, 0.15, 0.04, 0.31};

// p(x_position = code | those of ids that are >= 0), by enumeration.
double conditional(const int64_t* ids, int64_t position, int64_t code) {
  double with = 0, all = 0;
  for (int64_t x = 0; x < 8; ++x) {
    bool fits = true;
    for (int64_t i = 0; i < kTokens; ++i) fits &= i == position || ids[i] < 0 || ((x >> i) & 1) == ids[i];
    if (!fits) continue;
    all += kJoint[x];
    if (((x >> position) & 1) == code) with += kJoint[x];
  }
  return with / all;
}

class JointSession : public DecodeSession {
 public:
  JointSession(Order order, int64_t rows) : DecodeSession(std::move(order), TokenLayout({{1, kTokens, kCodes}}), rows, at::kCPU) {}

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step) override {
    auto out = torch::zeros({batch(), positions_BQ.size(1), kCodes});
    auto ids = ids_BN().contiguous();
    for (int64_t row = 0; row < batch(); ++row)
      for (int64_t q = 0; q < positions_BQ.size(1); ++q) {
        int64_t position = positions_BQ[row][q].item<int64_t>();
        if (position < 0) continue;
        std::vector<int64_t> seen(ids.data_ptr<int64_t>() + row * kTokens, ids.data_ptr<int64_t>() + (row + 1) * kTokens);
        for (int64_t i = 0; i < kTokens; ++i)
          if (ranked() && i >= position) seen[static_cast<size_t>(i)] = -1;
        for (int64_t code = 0; code < kCodes; ++code) out[row][q][code] = std::log(conditional(seen.data(), position, code));
      }
    return out;
  }
};

class JointPrior : public Prior {
 public:
  explicit JointPrior(bool any) : order_(any ? Order::any(kTokens) : Order::raster(kTokens)) {}
  Order order() const override { return order_; }
  Loss loss(const TokenBatch&, const StepContext&) override { return {}; }
  std::unique_ptr<DecodeSession> open(const Condition& condition) override {
    return std::make_unique<JointSession>(order_, condition.label_B.size(0));
  }

 private:
  Order order_;
};

const TokenLayout kLayout({{1, kTokens, kCodes}});

at::Tensor all_sequences() {
  auto ids = torch::empty({8, kTokens}, torch::kInt);
  for (int64_t x = 0; x < 8; ++x)
    for (int64_t i = 0; i < kTokens; ++i) ids[x][i] = (x >> i) & 1;
  return ids;
}

at::Tensor joint_nats() {
  auto nats = torch::empty({8}, torch::kDouble);
  for (int64_t x = 0; x < 8; ++x) nats[x] = -std::log(kJoint[x]);
  return nats;
}

at::Tensor no_labels(int64_t rows) { return torch::full({rows}, -1, torch::kLong); }

TEST(Likelihood, ExactOfARankedPrior) {
  JointPrior prior(false);
  EXPECT_TRUE(torch::allclose(exact_nats(prior, kLayout, all_sequences(), no_labels(8), 3), joint_nats(), 1e-5, 1e-5));
}

TEST(Likelihood, ScanLineReadingOfAnAnyOrderPrior) {
  JointPrior prior(true);
  EXPECT_TRUE(torch::allclose(scan_line_nats(prior, kLayout, all_sequences(), no_labels(8), 5), joint_nats(), 1e-5, 1e-5));
}

// The bound of one sequence: mean over t and visible sets of N / masked * sum of -log p, by enumeration of all subsets.
double enumerated_bound(const int64_t* ids, double off_by) {
  double sum = 0;
  for (int64_t shown = 0; shown < kTokens; ++shown) {
    double inner = 0;
    int64_t sets = 0;
    for (int64_t set = 0; set < 8; ++set) {
      if (__builtin_popcountll(static_cast<uint64_t>(set)) != shown) continue;
      ++sets;
      int64_t visible[kTokens];
      for (int64_t i = 0; i < kTokens; ++i) visible[i] = (set >> i) & 1 ? ids[i] : -1;
      double nats = 0;
      for (int64_t i = 0; i < kTokens; ++i)
        if (visible[i] < 0) nats -= std::log(conditional(visible, i, ids[i]));
      inner += kTokens * nats / (static_cast<double>(kTokens - shown) + off_by);
    }
    sum += inner / static_cast<double>(sets) / kTokens;
  }
  return sum;
}

TEST(Likelihood, OrderAgnosticBoundIsUnbiasedAndAWrongWeightIsRejected) {
  // 6,000 rows of each sequence draw 6,000 x 3 visible sets; the mean must lie within 4 standard errors of the enumeration.
  constexpr int64_t kRows = 6000;
  JointPrior prior(true);
  for (int64_t x : {0, 1, 6}) {
    auto one = all_sequences()[x];
    auto nats = order_agnostic_nats(prior, kLayout, one.expand({kRows, kTokens}).contiguous(), no_labels(kRows), kRows, 3);
    auto ids = one.to(torch::kLong).contiguous();
    double mean = nats.mean().item<double>(), error = nats.std().item<double>() / std::sqrt(static_cast<double>(kRows));
    double expected = enumerated_bound(ids.data_ptr<int64_t>(), 0);
    EXPECT_LT(std::abs(mean - expected), 4 * error + 1e-6) << "sequence " << x;
    EXPECT_GT(std::abs(mean - enumerated_bound(ids.data_ptr<int64_t>(), 1)), 4 * error) << "sequence " << x << ": 1/(N-t+2) passes too";
  }
}

TEST(Likelihood, BoundIsTheSameInAnyBatch) {
  JointPrior prior(true);
  auto ids = all_sequences();
  EXPECT_TRUE(torch::equal(order_agnostic_nats(prior, kLayout, ids, no_labels(8), 8, 4),
                           order_agnostic_nats(prior, kLayout, ids, no_labels(8), 3, 4)));
}

}  // namespace
}  // namespace tessera
