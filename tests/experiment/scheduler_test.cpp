// The scheduler over real processes of the fake host: order, sharing of cores, failures, busy leases, signals.
#include "experiment/scheduler.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "planning.hpp"

namespace tessera {
namespace {

class Recording : public RunObserver {
 public:
  void started(const PlannedStage& stage) override {
    lines.push_back("start " + stage.title());
    running.insert(stage.key);
    most = std::max(most, running.size());
    if (on_start) on_start(stage);
  }
  void progress(const PlannedStage&, const Json& line) override { last_progress = line; }
  void elsewhere(const PlannedStage& stage) override { lines.push_back("elsewhere " + stage.title()); }
  void ended(const PlannedStage& stage, const StageResult& result) override {
    running.erase(stage.key);
    static const char* kOutcomes[] = {"done", "failed", "interrupted", "skipped"};
    lines.push_back(std::string(kOutcomes[static_cast<int>(result.outcome)]) + " " + stage.title());
  }
  void stopping(size_t) override { lines.emplace_back("stopping"); }
  bool has(const std::string& line) const { return std::find(lines.begin(), lines.end(), line) != lines.end(); }

  std::vector<std::string> lines;
  std::set<std::string> running;
  size_t most = 0;
  Json last_progress;
  std::function<void(const PlannedStage&)> on_start;
};

class Scheduling : public ::testing::Test {
 protected:
  RunSummary run(const Plan& plan, int jobs = 1, int cores = 1) {
    return run_stages(plan, {FAKE_HOST, planner_.results(), jobs, cores}, recording_);
  }
  const PlannedStage& find(const Plan& plan, const std::string& title) {
    return *std::find_if(plan.stages.begin(), plan.stages.end(), [&](const auto& s) { return s.title() == title; });
  }
  Json environment(const PlannedStage& stage) { return StageFolder(planner_.results(), stage.kind, stage.key).published()->at("env"); }

  Planner planner_;
  Recording recording_;
};

TEST_F(Scheduling, RunsAllOnceAndReusesThemAfterwards) {
  const auto plan = planner_.plan(kThreeArms);
  const auto summary = run(plan);
  EXPECT_EQ(summary.code, ExitCode::ok);
  EXPECT_EQ(summary.results.size(), plan.stages.size());
  for (const auto& stage : plan.stages) EXPECT_EQ(summary.results.at(stage.key).outcome, StageOutcome::done);
  EXPECT_EQ(recording_.most, 1U);
  EXPECT_EQ(recording_.last_progress.at("rate"), 50.0);
  EXPECT_GT(summary.cpu_seconds, 0.0);
  EXPECT_EQ(planner_.plan(kThreeArms).count(StageState::to_run), 0U);
}

TEST_F(Scheduling, JobsRunAtOnceAndDivideTheCores) {
  const auto plan = planner_.plan(kThreeArms, {"prior.behaviour=slow"});
  EXPECT_EQ(run(plan, 2, 4).code, ExitCode::ok);
  EXPECT_EQ(recording_.most, 2U);
  const auto env = environment(find(plan, "prior"));
  EXPECT_EQ(env.at("threads"), "2");
  EXPECT_EQ(env.at("policy"), "passive");
}

TEST_F(Scheduling, OneJobHasAllCores) {
  const auto plan = planner_.plan(kThreeArms);
  run(plan, 1, 3);
  EXPECT_EQ(environment(find(plan, "prior")).at("threads"), "3");
}

TEST_F(Scheduling, MoreJobsThanCoresGetOneThreadEach) {
  const auto plan = planner_.plan(kThreeArms);
  run(plan, 8, 2);
  EXPECT_EQ(environment(find(plan, "prior")).at("threads"), "1");
}

TEST_F(Scheduling, AFailureSkipsWhatDependsOnItAndNothingElse) {
  const auto plan = planner_.plan(kThreeArms, {"arm.masked.prior.behaviour=fail", "arm.halton.prior.behaviour=fail"});
  const auto summary = run(plan);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  size_t done = 0, failed = 0, skipped = 0;
  for (const auto& [key, result] : summary.results) {
    done += result.outcome == StageOutcome::done;
    failed += result.outcome == StageOutcome::failed;
    skipped += result.outcome == StageOutcome::skipped;
    if (result.outcome != StageOutcome::failed) continue;
    EXPECT_EQ(result.reason, "the loss is NaN at step 1");
    EXPECT_EQ(result.log.filename(), "log.txt");
    EXPECT_EQ(result.log.parent_path().filename(), "1");
  }
  EXPECT_EQ(failed, 1U) << "masked and halton share the prior";
  EXPECT_EQ(skipped, 5U) << "its evaluation, two samples, their evaluations";
  EXPECT_EQ(done, plan.stages.size() - 6);
}

TEST_F(Scheduling, ACrashCostsOneAttempt) {
  const auto plan = planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=crash"});
  const auto summary = run(plan);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_EQ(summary.results.at(find(plan, "tokenizer").key).reason, "its host was killed by signal 6 (Aborted) (plugins conv, vq)");
  EXPECT_EQ(summary.results.at(find(plan, "data").key).outcome, StageOutcome::done);
}

TEST_F(Scheduling, ExitZeroWithoutStageJsonIsAFailure) {
  const auto plan = planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=silent"});
  EXPECT_EQ(run(plan).results.at(find(plan, "tokenizer").key).reason,
            "its host exited with code 0, but did not publish (plugins conv, vq)");
}

TEST_F(Scheduling, AHostThatReportsNothingIsKilled) {
  const auto plan = planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=endless"});
  const auto summary = run_stages(plan, {FAKE_HOST, planner_.results(), 1, 1, std::chrono::seconds(1)}, recording_);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_EQ(summary.results.at(find(plan, "tokenizer").key).reason,
            "its host reported nothing for 1 seconds and was killed; --stall-limit SECONDS waits longer (plugins conv, vq)");
  EXPECT_EQ(summary.results.at(find(plan, "data").key).outcome, StageOutcome::done);
}

TEST_F(Scheduling, ABadPluginIsNamedInTheExitCode) {
  EXPECT_EQ(run(planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=bad_plugin"})).code, ExitCode::bad_plugin);
}

TEST_F(Scheduling, AHostThatCannotStartIsAFailure) {
  const auto plan = planner_.plan(kThreeArms);
  const auto summary = run_stages(plan, {"/no/such/host", planner_.results(), 1, 1}, recording_);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_EQ(summary.results.at(find(plan, "data").key).reason, "cannot start /no/such/host: No such file or directory");
}

TEST_F(Scheduling, WaitsForAStageThatAnotherRunComputes) {
  const auto plan = planner_.plan(kThreeArms);
  const auto& data = find(plan, "data");
  const StageFolder folder(planner_.results(), "data", data.key);
  auto lease = folder.try_lease();
  ASSERT_TRUE(lease);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    lease->publish({{"kind", "data"}, {"key", data.key}, {"outputs", Json::object()}, {"inputs", Json::object()}});
  });
  const auto summary = run(plan);
  other.join();
  EXPECT_EQ(summary.code, ExitCode::ok);
  EXPECT_EQ(recording_.lines.at(0), "start data");
  EXPECT_EQ(recording_.lines.at(1), "elsewhere data");
  EXPECT_EQ(recording_.lines.at(2), "done data");
  EXPECT_EQ(folder.runs().size(), 1U) << "nothing was computed twice";
}

TEST_F(Scheduling, TakesOverAStageWhoseHostDied) {
  const auto plan = planner_.plan(kThreeArms);
  const StageFolder folder(planner_.results(), "data", find(plan, "data").key);
  auto lease = folder.try_lease();
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    lease.reset();
  });
  EXPECT_EQ(run(plan).code, ExitCode::ok);
  other.join();
  EXPECT_EQ(folder.runs().size(), 2U);
}

TEST_F(Scheduling, OneSignalStopsResumably) {
  std::string key;
  recording_.on_start = [&](const PlannedStage& stage) {
    if (stage.kind != "prior") return;
    key = stage.key;
    std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      ::kill(::getpid(), SIGINT);
    }).detach();
  };
  const auto plan = planner_.plan(kThreeArms, {"prior.behaviour=endless"});
  const auto summary = run(plan);
  EXPECT_EQ(summary.code, ExitCode::interrupted);
  EXPECT_TRUE(recording_.has("stopping"));
  EXPECT_TRUE(recording_.has("interrupted prior"));
  EXPECT_FALSE(recording_.has("start samples free"));
  const auto end = last_journal_line(StageFolder(planner_.results(), "prior", key).runs().at(0).folder / "journal.jsonl");
  EXPECT_EQ(end->at("state"), "interrupted") << "the host had time for its checkpoint";
}

}  // namespace
}  // namespace tessera
