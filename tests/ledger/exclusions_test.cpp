// What a comparison leaves out: censored trials in every form of the answer, and the stage that is to blame.
#include "experiment/evidence/exclusions.hpp"
#include "comparison_fixture.hpp"

namespace tessera {
namespace {

TEST_F(Comparisons, PrunedTrialsAreCensored) {
  declare({"causal", "masked"});
  for (int seed : {0, 1})
    for (const std::string cell : {"causal", "masked"}) {
      const std::string key = fmt::format("{}-{}", cell, seed);
      const bool pruned = cell == "masked" && seed == 1;
      trial(cell, seed, {{"prior", "p-" + key}, {"evaluation.prior", "e-" + key}});
      Made made{"prior", "p-" + key, {{"loss", 1.0}}};
      made.state = pruned ? "pruned" : "done";
      make(made);
      if (!pruned) make({"evaluation", "e-" + key, {{"bits", cell == "masked" ? 3.5 : 4.0 + seed}}});
    }
  EXPECT_EQ(block("Left out"), "Left out\n  masked/1: prior pruned (not evaluated: prior)\n");
  const std::string censored =
      "1 trial censored (1 of masked): stopped because they did badly, so what is left of such a cell looks better than it is.";
  EXPECT_EQ(block("What the differences rest on"), R"(What the differences rest on
  1 trial censored (1 of masked): stopped because they did badly, so what is left of such a cell
  looks better than it is.
  prior: masked against causal has no pair at seed 1: no number of masked counts there.
)");
  const auto all = json();
  EXPECT_TRUE(all.at("excluded").at(0).at("censored"));
  EXPECT_EQ(all.at("notes").at(0), censored);
  EXPECT_EQ(all.at("parts").at(0).at("rows").at(1).at("censored"), 1);
  EXPECT_FALSE(all.at("parts").at(0).at("rows").at(0).contains("censored"));
  // What is left of masked is the best mean, and not marked as such; nor are its trials listed twice.
  const auto table = tessera("export quick --format markdown").first;
  EXPECT_NE(table.find("\n" + censored + "\n"), std::string::npos) << table;
  EXPECT_NE(table.find("| masked | 1 | 3.500 |"), std::string::npos) << table;
  EXPECT_NE(table.find("| loss ↓ | causal | 2 | **1** |"), std::string::npos) << "the same mean, all of its trials\n" << table;
  EXPECT_NE(table.find("| loss ↓ | masked | 1 | 1 |"), std::string::npos) << table;
  EXPECT_EQ(table.find("Left out"), std::string::npos) << table;
}

// A part is censored where the trial has no number in it: what came before the prior was scored for all.
TEST_F(Comparisons, WhatCameBeforeAPrunedStageIsNotCensored) {
  declare({"causal", "masked"});
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0,
          {{"tokenizer", "t-" + cell}, {"evaluation.tokenizer", "et-" + cell}, {"prior", "p-" + cell}, {"evaluation.prior", "e-" + cell}});
    make({"tokenizer", "t-" + cell, {{"rate", 1.0}}});
    make({"evaluation", "et-" + cell, {{"error", cell == "masked" ? 1.0 : 2.0}}});
    Made prior{"prior", "p-" + cell, {{"loss", 1.0}}};
    prior.state = cell == "masked" ? "pruned" : "done";
    make(prior);
    if (cell == "causal") make({"evaluation", "e-" + cell, {{"bits", 4.0}}});
  }
  const auto parts = json().at("parts");
  ASSERT_EQ(parts.at(0).at("name"), "tokenizer");
  for (const auto& row : parts.at(0).at("rows")) EXPECT_FALSE(row.contains("censored")) << row;
  const auto table = tessera("export quick error --format markdown").first;
  EXPECT_NE(table.find("| masked | 1 | **1** |"), std::string::npos) << table;
}

TEST(Exclusions, TheGravestStageIsTheCause) {
  Evidence evidence;
  evidence.cells = {"masked"};
  evidence.slots = {"evaluation.prior", "prior"};
  evidence.stages[1] = {"evaluation", false, 0, "waiting", "", 0, {}};
  evidence.stages[2] = {"prior", false, 0, "pruned", "median of step 40", 0, {}};
  evidence.trials = {{1, 5, 0, {{0, 1}, {1, 2}}}};
  const auto excluded = excluded_trials(evidence);
  ASSERT_EQ(excluded.size(), 1u);
  EXPECT_EQ(excluded[0].slot, "prior");
  EXPECT_EQ(excluded[0].state, "pruned");
  // Of what waits the earliest: an evaluation waits for what it evaluates.
  evidence.slots = {"evaluation.calibration", "evaluation.samples.free", "samples.free"};
  for (const int64_t id : {1, 2, 3}) evidence.stages[id] = {id == 3 ? "samples" : "evaluation", false, 0, "waiting", "", 0, {}};
  evidence.stages[1].done = true;
  evidence.trials = {{1, 5, 0, {{0, 1}, {1, 2}, {2, 3}}}};
  EXPECT_EQ(excluded_trials(evidence).at(0).slot, "samples.free");
  EXPECT_TRUE(excluded[0].censored);
  EXPECT_EQ(excluded[0].parts, std::vector<std::string>{"prior"});
}

}  // namespace
}  // namespace tessera
