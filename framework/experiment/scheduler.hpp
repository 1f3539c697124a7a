// Runs the stages of a plan in host processes, at most `jobs` at once.
//
// Invariants
//  1 A stage starts when all its inputs are published; of those that can, the one that most others wait for goes first.
//  2 A stage counts as done when its host exited 0 *and* stage.json is there.
//  3 A failure is told at once; what depends on it is skipped, everything else goes on.
//  4 After the first signal nothing starts and hosts are asked to stop (they checkpoint and exit 75); after the second they
//    are killed. Hosts die with the front in any case.
//  5 A host that reports nothing for the stall limit is killed: a plugin's endless loop costs one attempt.
//
//   waiting --launch--> running --settle--> done | failed | interrupted
//      |                  |  exit 11: another front's host has the lease
//      |                  +--> elsewhere --look_elsewhere--> done | waiting (its host is gone)
//      +--skip_dependents--> skipped
#pragma once
#include <chrono>
#include <filesystem>
#include <map>
#include <string>

#include "core/error.hpp"
#include "core/subprocess.hpp"
#include "experiment/plan.hpp"

namespace tessera {

enum class StageOutcome { done, failed, interrupted, skipped };

struct StageResult {
  StageOutcome outcome = StageOutcome::skipped;
  std::string reason;            // why it failed, one line
  std::filesystem::path log;     // of the failed run, empty where no run began
  ExitCode code = ExitCode::ok;  // what the whole should exit with because of it
  double seconds = 0;
};

// [front's thread] Hears what happens.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void started(const PlannedStage& stage) {}
  // A line of the host: {"step","steps","rate","metrics"}.
  virtual void progress(const PlannedStage& stage, const Json& line) {}
  virtual void elsewhere(const PlannedStage& stage) {}  // another front's host computes it
  virtual void ended(const PlannedStage& stage, const StageResult& result) {}
  virtual void stopping(size_t running) {}
  virtual void tick() {}  // about once a second
};

struct SchedulerOptions {
  std::filesystem::path host;  // the program tessera-host
  std::filesystem::path results;
  int jobs = 1;
  int cores = 1;
  std::chrono::seconds stall_limit{1800};  // 0 = none
};

struct RunSummary {
  ExitCode code = ExitCode::ok;
  std::map<std::string, StageResult> results;  // of the stages that were to run, by key
  double seconds = 0, cpu_seconds = 0;         // cpu_seconds: summed over all hosts
};

// Throws nothing for what happens in hosts. Takes SIGINT, SIGTERM and SIGHUP over while it runs.
RunSummary run_stages(const Plan& plan, const SchedulerOptions& options, RunObserver& observer);

}  // namespace tessera
