// Who is paired with whom. Two cells have a pair at each seed at which both have a number, from distinct stages. Pairs that share a
// stage are no independent evidence: together they are one cluster, which counts as one.
#pragma once
#include <cstdint>
#include <vector>

namespace tessera {

// The number that one stage came to, as one cell has it at one seed.
struct Scored {
  int64_t seed = 0, stage = 0;
  double value = 0;
  int64_t samples = 0;  // of a per-sample metric: how many have a number
};
using Scores = std::vector<Scored>;  // of one cell and metric; each seed at most once, ascending

struct StagePair {
  int64_t seed = 0, stage = 0, base_stage = 0;
  double difference = 0;  // value - base value
};

struct Pairing {
  std::vector<std::vector<StagePair>> clusters;      // in the order of their first seeds; two seeds with the same two stages: one pair
  std::vector<int64_t> shared, row_only, base_only;  // seeds without a pair: the same stage; only one of the two has a number
  std::vector<double> differences() const;           // of each cluster: the mean over its pairs that are no NaN
};

Pairing pair_seeds(const Scores& row, const Scores& base);

}  // namespace tessera
