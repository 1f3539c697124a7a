#include "experiment/compare/pairing.hpp"

#include <cmath>
#include <cstddef>
#include <map>
#include <set>

namespace tessera {

std::vector<double> Pairing::differences() const {
  std::vector<double> means;
  for (const auto& cluster : clusters) {
    double sum = 0, numbers = 0;
    for (const auto& pair : cluster)
      if (!std::isnan(pair.difference)) sum += pair.difference, ++numbers;
    means.push_back(sum / numbers);
  }
  return means;
}

Pairing pair_seeds(const Scores& row, const Scores& base) {
  // Step 1: match the seeds.
  Pairing pairing;
  std::vector<StagePair> pairs;
  std::set<std::pair<int64_t, int64_t>> seen;
  auto b = base.begin();
  for (const auto& one : row) {
    for (; b != base.end() && b->seed < one.seed; ++b) pairing.base_only.push_back(b->seed);
    if (b == base.end() || b->seed > one.seed) {
      pairing.row_only.push_back(one.seed);
      continue;
    }
    if (b->stage == one.stage)
      pairing.shared.push_back(one.seed);
    else if (seen.emplace(one.stage, b->stage).second)
      pairs.push_back({one.seed, one.stage, b->stage, one.value - b->value});
    ++b;
  }
  for (; b != base.end(); ++b) pairing.base_only.push_back(b->seed);

  // Step 2: join what shares a stage.
  std::map<int64_t, int64_t> above;  // a stage -> another of its cluster
  const auto root = [&](int64_t stage) {
    for (auto next = above.find(stage); next != above.end(); next = above.find(stage)) stage = next->second;
    return stage;
  };
  for (const auto& pair : pairs)
    if (const auto x = root(pair.stage), y = root(pair.base_stage); x != y) above[x] = y;
  std::map<int64_t, std::size_t> place;
  for (const auto& pair : pairs) {
    const auto [found, is_new] = place.emplace(root(pair.stage), pairing.clusters.size());
    if (is_new) pairing.clusters.emplace_back();
    pairing.clusters[found->second].push_back(pair);
  }
  return pairing;
}

}  // namespace tessera
