#include "experiment/evidence/exclusions.hpp"

#include <algorithm>
#include <set>

namespace tessera {
namespace {

constexpr const char* kEvaluation = "evaluation.";
constexpr const char* kPruned = "pruned";

// How much a state explains: that others wait follows from one that failed.
int gravity(const std::string& state) {
  const std::string order[] = {"waiting", "running", "interrupted", "killed", kPruned, "failed"};
  const auto* found = std::find(std::begin(order), std::end(order), state);
  return found == std::end(order) ? 1 : static_cast<int>(found - std::begin(order));
}

// Evaluations wait for what they evaluate.
int place_of_cause(const std::string& slot) {
  return slot.rfind(kEvaluation, 0) == 0 ? 2 * pipeline_place(part_of(slot)) + 1 : 2 * pipeline_place(slot);
}

}  // namespace

int pipeline_place(const std::string& slot) {
  const std::string stages[] = {"data", "tokenizer", "tokens", "prior"};
  return static_cast<int>(std::find(std::begin(stages), std::end(stages), slot) - std::begin(stages));
}

std::string part_of(const std::string& slot) {
  return slot.rfind(kEvaluation, 0) == 0 ? slot.substr(std::string(kEvaluation).size()) : slot;
}

std::vector<ExcludedTrial> excluded_trials(const Evidence& evidence) {
  std::vector<ExcludedTrial> excluded;
  for (const auto& trial : evidence.trials) {
    const EvidenceStage* cause = nullptr;
    std::string slot;
    std::set<std::string> parts;
    for (const auto& [place, id] : trial.stages) {
      const auto& stage = evidence.stages.at(id);
      if (stage.done) continue;
      const auto& name = evidence.slots[place];
      if (stage.kind == "evaluation" || name.rfind(kEvaluation, 0) == 0) parts.insert(part_of(name));
      const auto graver = std::make_pair(gravity(stage.state), -place_of_cause(name));
      if (!cause || graver > std::make_pair(gravity(cause->state), -place_of_cause(slot))) cause = &stage, slot = name;
    }
    if (cause)
      excluded.push_back({evidence.cells[trial.cell],
                          trial.seed,
                          slot,
                          cause->state,
                          cause->error,
                          {parts.begin(), parts.end()},
                          cause->state == kPruned});
  }
  return excluded;
}

Json to_json(const std::vector<ExcludedTrial>& excluded) {
  Json list = Json::array();
  for (const auto& one : excluded)
    list.push_back({{"cell", one.cell},
                    {"seed", one.seed},
                    {"stage", one.slot},
                    {"state", one.state},
                    {"error", one.error},
                    {"parts", one.parts},
                    {"censored", one.censored}});
  return list;
}

std::vector<PinnedStage> pinned_stages(const Evidence& evidence) {
  std::vector<PinnedStage> pinned;
  std::vector<std::string> slots = {"tokenizer", "prior"};
  std::copy_if(evidence.slots.begin(), evidence.slots.end(), std::back_inserter(slots),
               [](const std::string& slot) { return slot.rfind("samples", 0) == 0; });
  std::sort(slots.begin() + 2, slots.end());
  for (const auto& slot : slots) {
    std::vector<std::set<int64_t>> stages(evidence.cells.size()), seeds(evidence.cells.size());
    for (const auto& trial : evidence.trials)
      for (const auto& [place, id] : trial.stages)
        if (evidence.slots[place] == slot && evidence.stages.at(id).done) {
          stages[trial.cell].insert(id);
          seeds[trial.cell].insert(trial.seed);
        }
    PinnedStage found{slot, {}, false, true};
    std::set<int64_t> all;
    for (size_t cell = 0; cell < stages.size(); ++cell) {
      if (seeds[cell].size() < 2) continue;
      if (stages[cell].size() == 1)
        found.cells.push_back(evidence.cells[cell]), all.insert(stages[cell].begin(), stages[cell].end());
      else
        found.everywhere = false;
    }
    found.one = all.size() == 1;
    if (!found.cells.empty()) pinned.push_back(std::move(found));
  }
  return pinned;
}

}  // namespace tessera
