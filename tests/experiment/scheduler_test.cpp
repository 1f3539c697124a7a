// The scheduler over real processes of the fake host: order, sharing of cores, failures, busy leases, signals.
#include "experiment/run/scheduler.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>

#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "experiment/run/gpus.hpp"
#include "planning.hpp"

namespace tessera {
namespace {

const std::string kOneArm =
    "tokenizer.encoder.plugin = \"conv\"\ntokenizer.quantizer.plugin = \"vq\"\nprior.plugin = \"gpt\"\nsampling.plugin = \"scan_line\"\n";

class Recording : public RunObserver {
 public:
  void started(const PlannedStage& stage, int64_t slot) override {
    lines.push_back("start " + stage.title());
    slots.insert(slot);
    running.insert(stage.key);
    most = std::max(most, running.size());
    if (on_start) on_start(stage);
  }
  void progress(const PlannedStage&, const Json& line) override { last_progress = line; }
  void elsewhere(const PlannedStage& stage) override { lines.push_back("elsewhere " + stage.title()); }
  void ended(const PlannedStage& stage, const StageResult& result) override {
    running.erase(stage.key);
    lines.push_back(std::string(to_string(result.outcome)) + " " + stage.title());
  }
  void failed_once(const PlannedStage& stage, const StageResult& result) override {
    lines.push_back("failed once " + stage.title() + ": " + result.reason);
  }
  void stopping(size_t count) override {
    lines.emplace_back("stopping");
    asked_to_stop = count;
  }
  void warning(const std::string& text) override { lines.push_back("warning " + text); }
  bool has(const std::string& line) const { return std::find(lines.begin(), lines.end(), line) != lines.end(); }

  std::vector<std::string> lines;
  std::set<std::string> running;
  std::set<int64_t> slots;
  size_t most = 0, asked_to_stop = 0;
  Json last_progress;
  std::function<void(const PlannedStage&)> on_start;
};

class Scheduling : public ::testing::Test {
 protected:
  RunSummary run(const Plan& plan, int jobs = 1, int cores = 1) {
    RunPolicy policy;
    policy.jobs = jobs;
    return run(plan, policy, cores);
  }
  RunSummary run(const Plan& plan, const RunPolicy& policy, int cores = 1, std::vector<std::string> gpus = {},
                 std::vector<PastCurve> past = {}) {
    return run_stages(plan, {FAKE_HOST, planner_.results(), cores, policy, std::move(gpus), std::move(past)}, recording_);
  }
  // Ctrl-C while the prior trains.
  RunSummary interrupt(const Plan& plan, double grace) {
    recording_.on_start = [](const PlannedStage& stage) {
      if (stage.kind != "prior") return;
      std::thread([] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        ::kill(::getpid(), SIGINT);
      }).detach();
    };
    SchedulerOptions options{FAKE_HOST, planner_.results(), 1, RunPolicy(), {}, {}};
    options.grace = grace;
    return run_stages(plan, options, recording_);
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
  RunPolicy policy;
  policy.stall_limit = 1;
  const auto summary = run(plan, policy);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_EQ(summary.results.at(find(plan, "tokenizer").key).reason,
            "its host reported nothing for 1 seconds and was killed; run.stall_limit waits longer (plugins conv, vq)");
  EXPECT_EQ(summary.results.at(find(plan, "data").key).outcome, StageOutcome::done);
}

TEST_F(Scheduling, ABadPluginIsNamedInTheExitCode) {
  EXPECT_EQ(run(planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=bad_plugin"})).code, ExitCode::bad_plugin);
}

TEST_F(Scheduling, AHostThatCannotStartIsAFailure) {
  const auto plan = planner_.plan(kThreeArms);
  const auto summary = run_stages(plan, {"/no/such/host", planner_.results(), 1, {}, {}, {}}, recording_);
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

// A host that never looks whether it should stop: after the grace it is killed, though the stall limit is far.
TEST_F(Scheduling, AHostThatDoesNotStopIsKilledAfterTheGrace) {
  const auto plan = planner_.plan(kOneArm, {"prior.behaviour=deaf"});
  const auto summary = interrupt(plan, 0.5);
  EXPECT_EQ(summary.code, ExitCode::interrupted);
  EXPECT_LT(summary.seconds, 30);
  EXPECT_TRUE(recording_.has("interrupted prior"));
}

// One that goes on reporting has the time that it takes: it writes its checkpoint.
TEST_F(Scheduling, AHostThatGoesOnReportingIsNotKilledByTheGrace) {
  const auto plan = planner_.plan(kOneArm, {"prior.behaviour=lingering"});
  const auto summary = interrupt(plan, 0.5);
  EXPECT_EQ(summary.code, ExitCode::interrupted);
  EXPECT_GT(summary.seconds, 1.5);
  const auto runs = StageFolder(planner_.results(), "prior", find(plan, "prior").key).runs();
  EXPECT_EQ(last_journal_line(runs.at(0).folder / "journal.jsonl")->value("state", ""), "interrupted") << "its own last line";
}

TEST_F(Scheduling, RetriesGoOnUntilItWorksOrTheyAreUsedUp) {
  RunPolicy policy;
  policy.retries = 2;
  const auto flaky = planner_.plan(kThreeArms, {"prior.behaviour=flaky"});
  auto summary = run(flaky, policy);
  EXPECT_EQ(summary.code, ExitCode::ok);
  EXPECT_EQ(summary.results.at(find(flaky, "prior").key).attempts, 2);
  EXPECT_TRUE(recording_.has("failed once prior: the node went away"));

  const auto failing = planner_.plan(kThreeArms, {"prior.behaviour=fail"});
  summary = run(failing, policy);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_EQ(summary.results.at(find(failing, "prior").key).attempts, 3);
  EXPECT_EQ(StageFolder(planner_.results(), "prior", find(failing, "prior").key).runs().size(), 3U);

  const auto refused = planner_.plan(kThreeArms, {"prior.behaviour=bad_plugin"});
  EXPECT_EQ(run(refused, policy).results.at(find(refused, "prior").key).attempts, 1) << "trying again mends no plugin";
}

TEST_F(Scheduling, OnErrorStopEndsTheOthersResumably) {
  const auto plan = planner_.plan(kThreeArms, {"arm.causal.prior.behaviour=fail", "arm.masked.prior.behaviour=endless", "~arm.halton"});
  RunPolicy policy;
  policy.jobs = 2;
  policy.on_error = "stop";
  const auto summary = run(plan, policy);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_TRUE(recording_.has("stopping"));
  EXPECT_EQ(recording_.asked_to_stop, 1U) << "the one that failed is over";
  size_t interrupted = 0;
  for (const auto& [key, result] : summary.results)
    interrupted += result.outcome == StageOutcome::interrupted && plan.stage(key).kind == "prior";
  EXPECT_EQ(interrupted, 1U) << "the endless one was asked to stop, and had time for its checkpoint";
}

// Hosts wait for room; what they say of it goes to the full disk.
TEST_F(Scheduling, AFullDiskIsSaid) {
  const auto results = std::filesystem::absolute(planner_.results());
  std::filesystem::create_directories(results);
  if (::mount("tessera", results.c_str(), "tmpfs", 0, "size=4m") != 0) GTEST_SKIP() << "needs the right to mount a tmpfs (root)";
  std::thread user;
  recording_.on_start = [&](const PlannedStage& stage) {
    if (stage.kind != "prior") return;
    user = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      std::ofstream(results / "ballast") << std::string(8 << 20, 'b') << std::flush;
      std::this_thread::sleep_for(std::chrono::milliseconds(2500));
      std::filesystem::remove(results / "ballast");
      std::this_thread::sleep_for(std::chrono::milliseconds(2500));
      ::kill(::getpid(), SIGINT);
    });
  };
  const auto summary = run(planner_.plan(kOneArm, {"prior.behaviour=endless"}));
  user.join();
  ::umount2(results.c_str(), MNT_DETACH);
  EXPECT_EQ(summary.code, ExitCode::interrupted);
  const auto where = planner_.results().string();
  EXPECT_TRUE(recording_.has("warning the disk of " + where + " is full: hosts wait until there is room"));
  EXPECT_TRUE(recording_.has("warning there is room again on the disk of " + where + ": hosts go on"));
  EXPECT_EQ(std::count_if(recording_.lines.begin(), recording_.lines.end(), [](const auto& l) { return l.rfind("warning", 0) == 0; }), 2);
}

TEST_F(Scheduling, ATimeLimitEndsAnAttempt) {
  const auto plan = planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=endless"});
  RunPolicy policy;
  policy.time_limit = 0.5;
  policy.retries = 1;
  const auto summary = run(plan, policy);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  const auto& result = summary.results.at(find(plan, "tokenizer").key);
  EXPECT_EQ(result.reason, "it took longer than run.time_limit, 0.5 seconds; the next attempt goes on from its checkpoint");
  EXPECT_EQ(result.attempts, 2);
  const auto end = last_journal_line(result.log.parent_path() / "journal.jsonl");
  EXPECT_EQ(end->at("state"), "interrupted") << "it was asked, not killed";
}

TEST_F(Scheduling, AHostBeyondItsMemoryFails) {
#ifdef TESSERA_ASAN
  GTEST_SKIP() << "AddressSanitizer maps shadow memory that no limit leaves room for";
#endif
  const auto plan = planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=greedy"});
  RunPolicy policy;
  EXPECT_EQ(run(plan, policy).code, ExitCode::ok);
  const auto again = planner_.plan(kThreeArms, {"tokenizer.encoder.behaviour=greedy", "tokenizer.train.steps=7"});
  policy.memory_limit = 64;
  const auto summary = run(again, policy);
  EXPECT_EQ(summary.code, ExitCode::run_failed);
  EXPECT_EQ(summary.results.at(find(again, "tokenizer").key).reason, "std::bad_alloc; run.memory_limit is 64 MiB");
}

TEST_F(Scheduling, EachSlotHasItsGpu) {
  const auto plan = planner_.plan(kThreeArms, {"seeds=3", "prior.behaviour=slow"});
  RunPolicy policy;
  policy.jobs = 2;
  EXPECT_EQ(run(plan, policy, 2, {"3", "5"}).code, ExitCode::ok);
  EXPECT_EQ(recording_.slots, (std::set<int64_t>{0, 1}));
  std::set<std::string> seen;
  for (const auto& stage : plan.stages) seen.insert(environment(stage).at("gpu").get<std::string>());
  EXPECT_EQ(seen, (std::set<std::string>{"3", "5"}));
}

TEST_F(Scheduling, PrunesWhatFallsBehind) {
  const auto plan = planner_.plan(kOneArm + "[grid]\nprior.train.lr = [0.001, 0.002, 0.003, 0.004, 0.05]\n", {"prior.behaviour=curve"});
  RunPolicy policy;
  policy.prune.rule = "median";
  policy.prune.startup = 3;
  policy.prune.first_step = 2;
  const auto summary = run(plan, policy);
  EXPECT_EQ(summary.code, ExitCode::ok) << "what is pruned is no failure";
  std::map<std::string, StageOutcome> priors;
  for (const auto& [key, result] : summary.results) {
    const auto& stage = plan.stage(key);
    if (stage.kind != "prior") continue;
    priors[plan.cells[stage.cell].label] = result.outcome;
    if (result.outcome != StageOutcome::pruned) continue;
    EXPECT_FALSE(StageFolder(planner_.results(), "prior", key).published()) << "never published";
    const auto end = last_journal_line(StageFolder(planner_.results(), "prior", key).runs().back().folder / "journal.jsonl");
    EXPECT_EQ(end->at("state"), "pruned");
  }
  EXPECT_EQ(priors.at("prior.train.lr=0.001"), StageOutcome::done);
  EXPECT_EQ(priors.at("prior.train.lr=0.003"), StageOutcome::done) << "the third of three that must be complete";
  EXPECT_EQ(priors.at("prior.train.lr=0.004"), StageOutcome::pruned);
  EXPECT_EQ(priors.at("prior.train.lr=0.05"), StageOutcome::pruned);
  EXPECT_TRUE(recording_.has("pruned samples free"));
}

TEST_F(Scheduling, WhatRanBeforeCountsInPruning) {
  const std::string grid = kOneArm + "[grid]\nprior.train.lr = [0.001, 0.002]\n";
  const auto first = planner_.plan(grid, {"prior.behaviour=curve"});
  run(first, RunPolicy());
  auto second = planner_.plan(kOneArm + "[grid]\nprior.train.lr = [0.001, 0.002, 0.9]\n", {"prior.behaviour=curve"});
  std::vector<PastCurve> past;
  for (const auto& stage : second.stages)
    if (stage.kind == "prior" && stage.state == StageState::reused) past.push_back({stage.key, {{1, 2.0}, {2, 1.5}}});
  ASSERT_EQ(past.size(), 2U);
  RunPolicy policy;
  policy.prune.rule = "median";
  policy.prune.startup = 2;
  const auto summary = run(second, policy, 1, {}, past);
  size_t pruned = 0;
  for (const auto& [key, result] : summary.results) pruned += result.outcome == StageOutcome::pruned && second.stage(key).kind == "prior";
  EXPECT_EQ(pruned, 1U);
}

TEST(Gpus, AreThoseThatTheVariableOrTheDevicesName) {
  ::setenv("CUDA_VISIBLE_DEVICES", "2, GPU-ab,-1,7", 1);
  EXPECT_EQ(visible_gpus(), (std::vector<std::string>{"2", "GPU-ab"})) << "as CUDA reads it: the list ends at the first that is none";
  ::setenv("CUDA_VISIBLE_DEVICES", "", 1);
  EXPECT_TRUE(visible_gpus().empty());
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  TemporaryFolder folder;
  for (const char* name : {"nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm"}) folder.write(name, "");
  EXPECT_EQ(visible_gpus(folder.path()), (std::vector<std::string>{"2", "10"}));
  EXPECT_TRUE(visible_gpus(folder.path() / "none").empty());
}

}  // namespace
}  // namespace tessera
