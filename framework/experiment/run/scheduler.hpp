// Runs the stages of a plan in host processes, at most policy.jobs at once.
//
// Invariants
//  1 A stage starts when all its inputs are published; of those that can, the one that most others wait for goes first.
//  2 A stage counts as done when its host exited 0 *and* stage.json is there.
//  3 A failure is told at once; what depends on it is skipped, everything else goes on.
//  4 After the first signal nothing starts and hosts are asked to stop (they checkpoint and exit 75); after the second they
//    are killed, and so is one that has reported nothing for the grace since it was asked. Hosts die with the front in any case.
//  5 A host that reports nothing for the stall limit is killed: a plugin's endless loop costs one attempt. One that takes longer than
//    the time limit writes a checkpoint and ends.
//  6 A pruned training keeps its checkpoint, is never published, and what needs it is pruned with it.
//  7 Each host has a slot of its own, and with it a GPU where there are any.
//
//   waiting --launch--> running --settle--> done | failed | interrupted | pruned
//      ^                  |  failed, attempts left: retry
//      +------------------+
//      |                  |  exit 11: another front's host has the lease
//      |                  +--> elsewhere --look_elsewhere--> done | waiting (its host is gone)
//      +--skip_dependents--> skipped
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/subprocess.hpp"
#include "experiment/describe/run_policy.hpp"
#include "experiment/plan/past_runs.hpp"
#include "experiment/plan/plan.hpp"

namespace tessera {

enum class StageOutcome { done, failed, interrupted, skipped, pruned };
const char* to_string(StageOutcome outcome);

struct StageResult {
  StageOutcome outcome = StageOutcome::skipped;
  std::string reason;            // why it failed or was pruned, one line
  std::filesystem::path log;     // of the failed run, empty where no run began
  ExitCode code = ExitCode::ok;  // what the whole should exit with because of it
  double seconds = 0;
  int64_t attempts = 1;
};

// [front's thread] Hears what happens.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void started(const PlannedStage& stage, int64_t slot) {}
  virtual void failed_once(const PlannedStage& stage, const StageResult& result) {}  // another attempt follows
  // A line of the host: {"step","steps","rate","metrics"}.
  virtual void progress(const PlannedStage& stage, const Json& line) {}
  virtual void elsewhere(const PlannedStage& stage) {}  // another front's host computes it
  virtual void ended(const PlannedStage& stage, const StageResult& result) {}
  virtual void stopping(size_t running) {}
  virtual void warning(const std::string& text) {}
  virtual void tick() {}  // about once a second
};

struct SchedulerOptions {
  std::filesystem::path host;  // the program tessera-host
  std::filesystem::path results;
  int cores = 1;
  RunPolicy policy;
  std::vector<std::string> gpus;  // what CUDA_VISIBLE_DEVICES may name; slot i gets the i-th, and they go round
  std::vector<PastCurve> past;    // of the metric that prunes
  double grace = 60;              // seconds that a host has for its checkpoint, once it is asked to stop
};

struct RunSummary {
  ExitCode code = ExitCode::ok;
  std::map<std::string, StageResult> results;  // of the stages that were to run, by key
  double seconds = 0, cpu_seconds = 0;         // cpu_seconds: summed over all hosts
};

// Throws nothing for what happens in hosts. Takes SIGINT, SIGTERM and SIGHUP over while it runs.
RunSummary run_stages(const Plan& plan, const SchedulerOptions& options, RunObserver& observer);

}  // namespace tessera
