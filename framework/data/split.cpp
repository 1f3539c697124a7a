#include "data/split.hpp"

#include <cmath>
#include <map>

#include "tessera/noise.hpp"

namespace tessera {

std::vector<Split> split_groups(DisjointSets& sets, const std::vector<bool>& test, const SplitRequest& request) {
  std::map<int64_t, std::vector<int64_t>> members;
  int64_t images = 0;
  std::vector<Split> result(test.size(), Split::train);
  for (int64_t i = 0; i < sets.size(); i++) {
    if (test[static_cast<size_t>(i)]) {
      result[static_cast<size_t>(i)] = Split::test;
    } else {
      members[sets.first(i)].push_back(i);
      images++;
    }
  }
  std::vector<const std::vector<int64_t>*> groups;
  for (const auto& [first, group] : members) groups.push_back(&group);
  const int64_t wanted = std::llround(request.validation * static_cast<double>(images));
  const at::Tensor order = Noise(static_cast<uint64_t>(request.seed), "data").permutation(static_cast<int64_t>(groups.size()), "split");
  int64_t validation = 0;
  for (int64_t i = 0; i < order.size(0); i++) {
    const auto& group = *groups[static_cast<size_t>(order.const_data_ptr<int64_t>()[i])];
    const auto size = static_cast<int64_t>(group.size());
    if (size > request.group_limit || validation + size > wanted) continue;
    validation += size;
    for (int64_t member : group) result[static_cast<size_t>(member)] = Split::validation;
  }
  return result;
}

}  // namespace tessera
