// The plan: which stages an experiment needs, which of them are there. It changes nothing but caches.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "experiment/plan/stage_key.hpp"

namespace tessera {

enum class StageState { to_run, reused, stale, pruned, not_asked };
const char* to_string(StageState state);

// What a stage is expected to take, read off one that was measured.
struct StageCost {
  double seconds = 0, cpu_seconds = 0;  // of one host with the machine's cores
  std::string measured;                 // key of the stage that was measured
  int64_t differences = 0;              // in which that one differs: options, and three for another plugin or device
};

struct PlannedStage {
  std::string kind, key, subject, request;
  Json parts;
  std::map<std::string, std::string> inputs;  // slot -> key
  int64_t seed = 0;
  StageState state = StageState::to_run;
  std::string stale_input;  // the slot whose outputs are no longer those that were read
  std::optional<StageCost> cost;
  size_t cell = 0;            // the first that needs it
  std::vector<size_t> cells;  // all of them
  size_t trials = 0;
  int64_t trial_seed = 0;  // of the first trial

  std::string title() const;  // "evaluation of samples top_half"
};

struct PlannedTrial {
  size_t cell = 0;
  int64_t seed = 0;
  std::map<std::string, std::string> stages;  // slot -> key
};

// Of all stages to run, one after another, by stages measured before.
struct PlanCost {
  double seconds = 0, cpu_seconds = 0;
  size_t known = 0, alike = 0;  // stages with an estimate; those of them whose options were measured as they are
};

struct Plan {
  std::string experiment, question, source, baseline;
  std::vector<int64_t> seeds;
  std::vector<Cell> cells;
  std::vector<Json> answers;  // one a cell: what tessera-host --check said, or the cell's own problems
  std::vector<PlannedTrial> trials;
  std::vector<PlannedStage> stages;      // distinct; inputs before those that need them
  std::vector<std::string> problems;     // "origin: key: found …, expected …"; a plan with problems cannot run
  ExitCode problem_code = ExitCode::ok;  // bad_plugin where crashed or hanging plugins are all that is wrong

  const PlannedStage& stage(const std::string& key) const;
  // For humans: "" where all trials need it, "masked", "masked, halton", "5 cells"; with the seed where that tells it apart.
  std::string users(const PlannedStage& stage) const;
  size_t count(StageState state) const;
  PlanCost cost() const;
  // Stages whose scalars compare have the same: one kind and its plugins, on data and tokens made in one way, whatever the seed.
  std::string comparable(const PlannedStage& stage) const;
  // "plugins conv, vq, gpt, scan_line", for failures that none of them can be blamed for.
  std::string plugins_text(const PlannedStage& stage) const;
};

// Answers of `tessera-host --check`, one a request {"settings":…, "plugins":…}, in order.
using Checker = std::function<std::vector<Json>(const std::vector<Json>& requests)>;

Plan make_plan(const Experiment& experiment, const Declarations& declarations, const Checker& check, const std::filesystem::path& results);

// Of what is to run leaves the stages in `failed`, what they need, and what needs them; the rest is not asked for.
void keep_failed(Plan& plan, const std::set<std::string>& failed);

// What `tessera-host work` reads.
Json stage_spec(const Plan& plan, const PlannedStage& stage, const std::filesystem::path& results, int threads);

// The plan for machines (`plan --json`) and for humans.
Json plan_json(const Plan& plan);
std::string plan_text(const Plan& plan, size_t width);
// "2 problems:" and the problems, a line each.
std::string problems_text(const Plan& plan);

}  // namespace tessera
