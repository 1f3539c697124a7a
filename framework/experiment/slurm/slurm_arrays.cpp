#include "experiment/slurm/slurm_arrays.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace tessera {
namespace {

using Place = std::pair<size_t, int>;  // array, index

class Grouping {
 public:
  Grouping(const Plan& plan, const std::set<std::string>& keys, const std::map<std::string, std::string>& queued, int array_size)
      : queued_(queued), array_size_(array_size) {
    // A stage's level: the longest way to it. Stages of one level do not depend on each other.
    std::map<std::string, size_t> level_of;
    std::vector<std::vector<const PlannedStage*>> levels;
    for (const auto& stage : plan.stages) {
      if (!keys.count(stage.key)) continue;
      size_t level = 0;
      for (const auto& [slot, key] : stage.inputs)
        if (const auto input = level_of.find(key); input != level_of.end()) level = std::max(level, input->second + 1);
      level_of[stage.key] = level;
      levels.resize(std::max(levels.size(), level + 1));
      levels[level].push_back(&stage);
    }
    for (const auto& level : levels) place(level);
  }

  std::vector<StageArray> take() { return std::move(arrays_); }

 private:
  struct Needs {
    std::map<size_t, std::set<int>> places;  // array -> indices in it
    std::set<std::string> queued;
  };

  Needs needs(const PlannedStage& stage) const {
    Needs needs;
    for (const auto& [slot, key] : stage.inputs) {
      if (const auto place = places_.find(key); place != places_.end()) needs.places[place->second.first].insert(place->second.second);
      if (const auto job = queued_.find(key); job != queued_.end()) needs.queued.insert(job->second);
    }
    return needs;
  }

  // Alike: of one kind, and waiting for tasks of the same arrays.
  void place(const std::vector<const PlannedStage*>& level) {
    std::map<std::string, std::vector<const PlannedStage*>> alike;
    std::vector<std::string> order;
    for (const auto* stage : level) {
      const auto needs = this->needs(*stage);
      auto name = fmt::format("{}|{}|{}|{}", stage->kind, stage->subject, stage->request, fmt::join(needs.queued, ","));
      for (const auto& [array, indices] : needs.places) name += fmt::format("|{}", array);
      auto& group = alike[name];
      if (group.empty()) order.push_back(name);
      group.push_back(stage);
    }
    for (const auto& name : order) place_alike(alike.at(name));
  }

  void place_alike(const std::vector<const PlannedStage*>& stages) {
    // Arrays of which not all of these stages need the same tasks.
    std::set<size_t> varying;
    const auto first = needs(*stages[0]);
    for (const auto* stage : stages)
      for (const auto& [array, indices] : needs(*stage).places)
        if (indices != first.places.at(array)) varying.insert(array);

    const size_t begin = arrays_.size();
    int next = 0;
    for (const auto* stage : stages) {
      const auto needs = this->needs(*stage);
      if (varying.empty()) {
        add_to_first_free(begin, *stage, next++ % array_size_, needs, varying);
      } else if (const auto index = common_index(needs, varying)) {
        add_to_first_free(begin, *stage, *index, needs, varying);
      } else {
        alone_.push_back(stage);  // its inputs have different indices: no correspondence
      }
    }
    for (const auto* stage : alone_) add(arrays_.size(), *stage, 0, needs(*stage), {});
    alone_.clear();
  }

  static std::optional<int> common_index(const Needs& needs, const std::set<size_t>& varying) {
    std::set<int> indices;
    for (const size_t array : varying) indices.insert(needs.places.at(array).begin(), needs.places.at(array).end());
    return indices.size() == 1 ? std::optional<int>(*indices.begin()) : std::nullopt;
  }

  void add_to_first_free(size_t begin, const PlannedStage& stage, int index, const Needs& needs, const std::set<size_t>& alongside) {
    size_t array = begin;
    while (array < arrays_.size() && arrays_[array].tasks.count(index)) ++array;
    add(array, stage, index, needs, alongside);
  }

  void add(size_t array, const PlannedStage& stage, int index, const Needs& needs, const std::set<size_t>& alongside) {
    if (array == arrays_.size()) {
      arrays_.push_back({stage.kind, {}, {}, alongside, needs.queued});
      for (const auto& [other, indices] : needs.places)
        for (const int one : indices)
          if (!alongside.count(other)) arrays_.back().after.insert({other, one});
    }
    arrays_[array].tasks[index] = &stage;
    places_[stage.key] = {array, index};
  }

  const std::map<std::string, std::string>& queued_;
  int array_size_;
  std::vector<StageArray> arrays_;
  std::map<std::string, Place> places_;
  std::vector<const PlannedStage*> alone_;
};

}  // namespace

std::string StageArray::indices() const {
  std::string text;
  for (auto task = tasks.begin(); task != tasks.end();) {
    const int first = task->first;
    int last = first;
    for (++task; task != tasks.end() && task->first == last + 1; ++task) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (last > first) text += fmt::format("-{}", last);
  }
  return text;
}

std::vector<StageArray> stage_arrays(const Plan& plan, const std::set<std::string>& keys, const std::map<std::string, std::string>& queued,
                                     int array_size) {
  return Grouping(plan, keys, queued, array_size).take();
}

}  // namespace tessera
