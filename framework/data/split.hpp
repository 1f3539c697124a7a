// Which images train and which validate: whole content groups, at random by seed.
#pragma once
#include <cstdint>
#include <vector>

#include "data/disjoint_sets.hpp"

namespace tessera {

enum class Split : uint8_t { train, validation, test };

struct SplitRequest {
  int64_t seed = 0;
  double validation = 0.1;    // part of all images that are not given to test
  int64_t group_limit = 120;  // larger groups stay in train
};

// One entry an image. `test` marks those that the source gives to test: they stay there, and their relatives are split as if they
// were not there. Groups come in an order drawn by the seed; one that would overshoot the wanted number is passed over, so
// the number is met exactly wherever single images are left.
std::vector<Split> split_groups(DisjointSets& sets, const std::vector<bool>& test, const SplitRequest& request);

}  // namespace tessera
