// When a training is stopped because it falls behind others: two rules, after their papers and as Optuna's MedianPruner and
// SuccessiveHalvingPruner decide (the golden decisions of tests/experiment are theirs). Least is best. A value that is NaN loses.
//
//   median  From `first_step` on, once `startup` trainings of the group are complete: stopped where the best value so far is above
//           the median of what the complete ones reported at this very step (Golovin et al., KDD 2017, with the best in place of the
//           running average).
//   asha    Asynchronous successive halving (Li et al., arXiv:1810.05934), its stopping form: rungs at first_step · factor^k; who
//           reaches a rung goes on if it is among the best 1/factor of all that have been there, or the best while they are few.
//
// Decisions depend on what was reported before, so on the order in which trainings run; that is what makes them asynchronous.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiment/describe/run_policy.hpp"

namespace tessera {

class Pruner {
 public:
  explicit Pruner(PrunePolicy policy) : policy_(std::move(policy)) {}

  // What a training reported earlier, in ascending steps; nothing is decided.
  void recall(const std::string& group, const std::string& training, int64_t step, double value) { report(group, training, step, value); }
  // Why the training is to be stopped; empty where it goes on.
  std::optional<std::string> report(const std::string& group, const std::string& training, int64_t step, double value);
  // It ended by itself: its values are what median compares with.
  void complete(const std::string& group, const std::string& training) { groups_[group][training].complete = true; }

 private:
  struct Training {
    std::map<int64_t, double> values;  // by step
    std::vector<double> rungs;         // asha: its value at each rung that it has reached
    bool complete = false;
  };
  using Group = std::map<std::string, Training>;

  std::optional<std::string> median(const Group& group, const Training& training, int64_t step) const;
  std::optional<std::string> asha(const Group& group, Training& training, int64_t step, double value) const;

  PrunePolicy policy_;
  std::map<std::string, Group> groups_;
};

}  // namespace tessera
