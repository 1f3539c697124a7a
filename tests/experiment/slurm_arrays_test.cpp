// Stages as job arrays: every stage once, waiting for exactly what it reads. And the words of --slurm-….
#include "experiment/slurm/slurm_arrays.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "experiment/slurm/slurm.hpp"
#include "planning.hpp"

namespace tessera {
namespace {

std::set<std::string> to_run(const Plan& plan) {
  std::set<std::string> keys;
  for (const auto& stage : plan.stages)
    if (stage.state == StageState::to_run) keys.insert(stage.key);
  return keys;
}

// The keys that a stage waits for, as Slurm reads its array's dependencies.
std::set<std::string> waits_for(const std::vector<StageArray>& arrays, const StageArray& array, int index) {
  std::set<std::string> keys;
  for (const auto& [other, task] : array.after) keys.insert(arrays.at(other).tasks.at(task)->key);
  for (const size_t other : array.alongside) keys.insert(arrays.at(other).tasks.at(index)->key);
  return keys;
}

void expect_exact(const Plan& plan, const std::vector<StageArray>& arrays, const std::set<std::string>& keys, int array_size = 1000) {
  std::set<std::string> placed;
  for (size_t i = 0; i < arrays.size(); ++i)
    for (const auto& [index, stage] : arrays[i].tasks) {
      EXPECT_TRUE(placed.insert(stage->key).second) << stage->title();
      EXPECT_LT(index, array_size);
      EXPECT_EQ(arrays[i].kind, stage->kind);
      std::set<std::string> inputs;
      for (const auto& [slot, key] : stage->inputs)
        if (keys.count(key)) inputs.insert(key);
      EXPECT_EQ(waits_for(arrays, arrays[i], index), inputs) << stage->title();
      for (const auto& [other, task] : arrays[i].after) EXPECT_LT(other, i);
      for (const size_t other : arrays[i].alongside) EXPECT_LT(other, i);
    }
  EXPECT_EQ(placed, keys);
}

TEST(SlurmArrays, EveryStageOnceAndAfterItsInputs) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"seeds=4", "tokenizer.seed=0"});
  const auto arrays = stage_arrays(plan, to_run(plan), {});
  expect_exact(plan, arrays, to_run(plan));
  // Eight priors (two arms share theirs) in one array, and not one array a trial.
  const auto priors = std::count_if(arrays.begin(), arrays.end(), [](const auto& array) { return array.kind == "prior"; });
  EXPECT_EQ(priors, 1);
  EXPECT_LE(arrays.size(), 11U);
}

TEST(SlurmArrays, TokenizersOfTheirOwnCorrespondTaskByTask) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"seeds=5"});
  const auto arrays = stage_arrays(plan, to_run(plan), {});
  expect_exact(plan, arrays, to_run(plan));
  const auto tokens = std::find_if(arrays.begin(), arrays.end(), [](const auto& array) { return array.kind == "tokens"; });
  EXPECT_EQ(tokens->tasks.size(), 5U);
  EXPECT_EQ(tokens->alongside.size(), 1U);
}

TEST(SlurmArrays, LongListsAreCutAndStillCorrespond) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"seeds=7", "tokenizer.seed=0"});
  expect_exact(plan, stage_arrays(plan, to_run(plan), {}, 3), to_run(plan), 3);
}

TEST(SlurmArrays, WhatIsDoneIsNotWaitedForAndWhatIsQueuedIs) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"seeds=2", "tokenizer.seed=0"});
  auto keys = to_run(plan);
  std::map<std::string, std::string> queued;
  for (const auto& stage : plan.stages) {
    if (stage.kind == "data") keys.erase(stage.key);
    if (stage.kind == "tokenizer") {
      keys.erase(stage.key);
      queued[stage.key] = "17_0";
    }
  }
  const auto arrays = stage_arrays(plan, keys, queued);
  expect_exact(plan, arrays, keys);
  for (const auto& array : arrays) {
    const auto& inputs = array.tasks.begin()->second->inputs;
    EXPECT_EQ(array.after_queued, inputs.count("tokenizer") ? std::set<std::string>{"17_0"} : std::set<std::string>{}) << array.kind;
  }
}

TEST(SlurmArrays, IndicesAreRanges) {
  StageArray array;
  for (int index : {0, 1, 2, 5, 7, 8}) array.tasks[index] = nullptr;
  EXPECT_EQ(array.indices(), "0-2,5,7-8");
}

TEST(SlurmOptions, TimesAreReadAsSbatchReadsThem) {
  const std::vector<std::pair<std::string, int64_t>> table = {
      {"5", 300},   {"1:30", 90}, {"2:00:00", 7200}, {"1-0", 86400}, {"1-2:30", 95400}, {"1-2:30:15", 95415}, {"", -1},
      {"soon", -1}, {"1:", -1},   {"1:2:3:4", -1},   {"-5", -1},     {"1h", -1},        {"1.5", -1},          {"1-", -1},
  };
  for (const auto& [text, seconds] : table) EXPECT_EQ(slurm_seconds(text), seconds) << text;
}

TEST(SlurmOptions, JobsComputeOnWhatTheyAskFor) {
  SlurmOptions options;
  EXPECT_EQ(options.devices(), std::vector<std::string>{"cpu"});
  options.gres = "gpu:a100:1";
  EXPECT_EQ(options.devices(), (std::vector<std::string>{"cpu", "cuda"}));
  auto engine = fake_engine_manifest();
  engine["numerics"]["devices"] = options.devices();
  const Declarations declarations(engine, {});
  EXPECT_EQ(declarations.section_option("numerics", "device")->choices, (std::vector<std::string>{"auto", "cpu", "cuda"}));
}

TEST(SlurmOptions, RefusalsSayWhatWasExpected) {
  const auto refusal = [](const SlurmOptions& options) -> std::string {
    try {
      check_slurm_options(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  SlurmOptions options;
  EXPECT_EQ(refusal(options), "");
  options.time = "1:30:00";
  EXPECT_EQ(refusal(options), "");
  options.time = "3";
  EXPECT_EQ(refusal(options),
            "--slurm-time: found '3', 180 s, expected at least twice the 120 s of --slurm-grace: Slurm tells a job so long before its time "
            "limit to write a checkpoint");
  options.time = "1h";
  EXPECT_EQ(refusal(options),
            "--slurm-time: found '1h', expected minutes, minutes:seconds, hours:minutes:seconds or days-hours:minutes:seconds");
  options = {};
  options.cpus = 0;
  EXPECT_EQ(refusal(options), "--slurm-cpus: found 0, expected a number from 1 to 1024");
}

}  // namespace
}  // namespace tessera
