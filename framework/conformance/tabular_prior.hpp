// The exact prior: a joint distribution over all tokens held as a table, with any Order one likes. Test double for sessions
// (what a strategy asks and commits is on record) and truth for samplers (what they draw can be compared with the table).
#pragma once
#include <vector>

#include "tessera/prior.hpp"

namespace tessera {

// What a session was asked and told, in this order.
struct SessionCall {
  enum What { asked, committed } what;
  at::Tensor positions_BQ, ids_BQ, logits_BQK;  // ids of a commit, logits of a question
  Step step;
};

class TabularPrior : public Prior {
 public:
  // A random joint of correlated tokens. The table has product(vocabulary of each position) entries: keep layouts tiny.
  TabularPrior(TokenLayout layout, Order order, uint64_t seed = 1);
  // Positions independent of each other; with these probabilities, the same for each position of a plane.
  static std::shared_ptr<TabularPrior> independent(TokenLayout layout, Order order, const std::vector<double>& probability_K);

  Order order() const override { return order_; }
  Loss loss(const TokenBatch& batch, const StepContext& step) override;
  std::unique_ptr<DecodeSession> open(const Condition& condition) override;

  const TokenLayout& layout() const { return layout_; }
  const std::vector<double>& joint() const { return joint_; }
  // Where in joint() complete ids stand; throws std::logic_error where one is undecided.
  int64_t entry(const int64_t* ids_N) const;
  // p(position = k | ids where `given`), for each k of the position's vocabulary.
  std::vector<double> conditional(int64_t position, const std::vector<int64_t>& ids_N, const std::vector<bool>& given_N) const;
  // Calls of the session opened last.
  std::vector<SessionCall> calls;

 private:
  TokenLayout layout_;
  Order order_;
  std::vector<int64_t> stride_;
  std::vector<int64_t> digit_;  // ids of each entry, entry by entry
  std::vector<double> joint_;
};

}  // namespace tessera
