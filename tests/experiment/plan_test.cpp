// Plans: which stages there are, who shares them, what is reused or stale, and what is refused in which words.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "experiment/plan/past_runs.hpp"
#include "planning.hpp"

namespace tessera {
namespace {

size_t count_kind(const Plan& plan, const std::string& kind) {
  return static_cast<size_t>(std::count_if(plan.stages.begin(), plan.stages.end(), [&](const PlannedStage& s) { return s.kind == kind; }));
}

// Publishes a stage as a host would, with one output of that hash.
void publish(const Plan& plan, const PlannedStage& stage, const std::filesystem::path& results, const std::string& sha256) {
  const StageFolder folder(results, stage.kind, stage.key);
  auto lease = folder.try_lease();
  Json inputs = Json::object();
  for (const auto& [slot, key] : stage.inputs) {
    Json outputs = Json::object();
    const auto input = StageFolder(results, slot, key).published();
    for (const auto& [file, facts] : input->at("outputs").items()) outputs[file] = facts.at("sha256");
    inputs[slot] = {{"key", key}, {"outputs", outputs}};
  }
  std::ofstream(lease->out() / "out") << "x";
  lease->publish({{"kind", stage.kind},
                  {"key", stage.key},
                  {"parts", stage.parts},
                  {"inputs", inputs},
                  {"outputs", {{"out", {{"sha256", sha256}, {"bytes", 1}}}}}});
}

TEST(Plan, ArmsShareStages) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms);
  EXPECT_TRUE(plan.problems.empty());
  EXPECT_EQ(plan.trials.size(), 3U);
  EXPECT_EQ(count_kind(plan, "data"), 1U);
  EXPECT_EQ(count_kind(plan, "tokenizer"), 1U);
  EXPECT_EQ(count_kind(plan, "tokens"), 1U);
  EXPECT_EQ(count_kind(plan, "prior"), 2U) << "masked and halton sample one prior";
  EXPECT_EQ(count_kind(plan, "samples"), 3U);
  EXPECT_EQ(count_kind(plan, "evaluation"), 1U + 1U + 2U + 3U);
  EXPECT_EQ(plan.count(StageState::to_run), plan.stages.size());
  EXPECT_EQ(planner.asked(), 3U);
  for (size_t i = 0; i < plan.stages.size(); ++i)
    for (const auto& [slot, key] : plan.stages[i].inputs)
      EXPECT_TRUE(std::any_of(plan.stages.begin(), plan.stages.begin() + static_cast<std::ptrdiff_t>(i), [&, k = key](const auto& s) {
        return s.key == k;
      })) << "inputs come first";
}

TEST(Plan, SeedsRepeatAllButPinnedStages) {
  Planner planner;
  const auto plan = planner.plan("seeds = 5\ntokenizer.seed = 0\n" + kThreeArms);
  EXPECT_EQ(plan.trials.size(), 15U);
  EXPECT_EQ(count_kind(plan, "tokenizer"), 1U);
  EXPECT_EQ(count_kind(plan, "prior"), 10U);
  EXPECT_EQ(count_kind(plan, "samples"), 15U);
}

TEST(Plan, EqualSettingsAreAskedOnce) {
  Planner planner;
  planner.plan(kThreeArms + "[grid]\ntokenizer.seed = [0, 1]\n");
  EXPECT_EQ(planner.asked(), 6U) << "seeds are settings like any other";
}

TEST(Plan, PublishedStagesAreReused) {
  Planner planner;
  const auto before = planner.plan(kThreeArms);
  for (const auto& stage : before.stages)
    if (stage.kind == "data" || stage.kind == "tokenizer") publish(before, stage, planner.results(), "1");
  const auto after = planner.plan(kThreeArms);
  EXPECT_EQ(after.count(StageState::reused), 2U);
  EXPECT_EQ(after.stages[0].state, StageState::reused);
}

// Outputs that were removed are missed by those who read them alone.
TEST(Plan, AHollowStageRunsAgainWhereItIsRead) {
  Planner planner;
  const auto before = planner.plan(kThreeArms);
  for (const auto& stage : before.stages)
    if (stage.kind == "data" || stage.kind == "tokenizer" || stage.kind == "tokens") {
      publish(before, stage, planner.results(), "1");
      std::filesystem::remove(StageFolder(planner.results(), stage.kind, stage.key).output("out"));
    }
  const auto after = planner.plan(kThreeArms);
  EXPECT_EQ(after.count(StageState::reused), 0U) << "priors are to run: they read tokens, which read the rest";
  for (const auto& stage : before.stages)
    if (stage.kind != "data" && stage.kind != "tokenizer" && stage.kind != "tokens") publish(before, stage, planner.results(), "1");
  const auto all = planner.plan(kThreeArms);
  EXPECT_EQ(all.count(StageState::reused), all.stages.size()) << "nobody reads them";
}

TEST(Plan, AStageWhoseInputChangedIsStale) {
  Planner planner;
  const auto before = planner.plan(kThreeArms);
  for (const auto& stage : before.stages) publish(before, stage, planner.results(), "1");
  EXPECT_EQ(planner.plan(kThreeArms).count(StageState::reused), before.stages.size());
  const auto& tokenizer = *std::find_if(before.stages.begin(), before.stages.end(), [](const auto& s) { return s.kind == "tokenizer"; });
  std::filesystem::remove_all(StageFolder(planner.results(), "tokenizer", tokenizer.key).path());
  publish(before, tokenizer, planner.results(), "2");
  const auto after = planner.plan(kThreeArms);
  for (const auto& stage : after.stages) {
    const bool reads = stage.inputs.count("tokenizer") != 0;
    EXPECT_EQ(stage.state, reads ? StageState::stale : StageState::reused) << stage.title();
    if (reads) EXPECT_EQ(stage.stale_input, "tokenizer");
  }
}

TEST(Plan, ImpossiblePairingsAreRefusedInOneSentence) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"arm.wrong.sampling.plugin=halton"});
  const auto file = (planner.folder().path() / "e.toml").string();
  EXPECT_EQ(plan.problems, (std::vector<std::string>{"command line: sampling.plugin: sampling 'halton' cannot run on prior 'gpt': it asks "
                                                     "positions in any order, the prior has raster order (prior.plugin: " +
                                                     file + ":3:16)"}));
}

TEST(Plan, RefusedOptionsHaveTheirPlace) {
  Planner planner;
  const auto file = (planner.folder().path() / "e.toml").string();
  EXPECT_EQ(planner.plan("prior.heads = 5\n" + kThreeArms).problems,
            (std::vector<std::string>{file + ":1:15: prior.heads: found 5, expected a divisor of the width 128"}))
      << "one line for all three arms";
  EXPECT_EQ(planner.plan("prior.width = 30\n" + kThreeArms).problems,
            (std::vector<std::string>{
                file + " (default): prior.heads: found 4, expected a divisor of the width 30; given: prior.width=30 (" + file + ":1:15)"}));
  // A default is refused in the cells of one point of an axis: the point is what is to be changed, and it is said once.
  EXPECT_EQ(planner.plan("grid.prior.width = [128, 30]\n" + kThreeArms).problems,
            (std::vector<std::string>{
                file + " (default): prior.heads: found 4, expected a divisor of the width 30; in cells with prior.width=30 (" + file +
                ":1:26)"}));
  EXPECT_EQ(
      planner.plan("prior.heads = 4\ngrid.prior.width = [128, 30]\n" + kThreeArms).problems,
      (std::vector<std::string>{file + ":1:15: prior.heads: found 4, expected a divisor of the width 30; in cells with prior.width=30 (" +
                                file + ":2:26)"}));
}

// A cell with a wrong value, which no plugin is asked about, is a refused cell like any other.
TEST(Plan, CellsWithAWrongValueAreRefusedInTheTable) {
  Planner planner;
  const auto plan = planner.plan("grid.prior.width = [128, \"wide\"]\n" + kThreeArms);
  ASSERT_EQ(plan.cells.size(), 6U);
  EXPECT_EQ(plan.trials.size(), 3U);
  EXPECT_EQ(plan.problems.size(), 1U) << "said once";
  const auto text = plan_text(plan, 120);
  EXPECT_NE(text.find("3 of 6 cells x 1 seed = 3 trials"), std::string::npos) << text;
  size_t refused = 0;
  for (auto at = text.find("refused\n"); at != std::string::npos; at = text.find("refused\n", at + 1)) ++refused;
  EXPECT_EQ(refused, 3U) << text;
  EXPECT_NE(text.find("All cells: data emoji, encoder conv ("), std::string::npos) << "whose size refused cells do not know\n" << text;
  const Json json = plan_json(plan);
  for (const auto& cell : json.at("cells"))
    EXPECT_EQ(cell.at("answer").at("ok").get<bool>(), cell.at("label").get<std::string>().find("wide") == std::string::npos);
}

TEST(Plan, AWrongPluginIsNotThatOfAnEarlierLayer) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"arm.odd.prior.plugin=gtp"});
  const Json json = plan_json(plan);
  const auto odd =
      std::find_if(json.at("cells").begin(), json.at("cells").end(), [](const Json& cell) { return cell.at("label") == "odd"; });
  ASSERT_NE(odd, json.at("cells").end());
  EXPECT_NE(std::find(odd->at("options").begin(), odd->at("options").end(), Json({"prior.plugin", "gtp", "command line"})),
            odd->at("options").end());
  ASSERT_EQ(odd->at("answer").at("errors").size(), 1U);
  EXPECT_EQ(odd->at("answer").at("errors").at(0).at("text"), plan.problems.at(0));
}

TEST(Plan, SpecHasWhatTheHostNeeds) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms, {"prior.seed=3"});
  const auto& stage = *std::find_if(plan.stages.begin(), plan.stages.end(), [](const auto& s) { return s.kind == "samples"; });
  const auto spec = stage_spec(plan, stage, planner.results(), 2);
  EXPECT_EQ(spec.at("key"), stage.key);
  EXPECT_EQ(spec.at("request"), "free");
  EXPECT_EQ(spec.at("threads"), 2);
  EXPECT_EQ(spec.at("settings").at("prior").at("plugin"), "gpt");
  EXPECT_EQ(spec.at("plugins").at("prior").at("file"), "/plugins/prior/gpt.so");
  EXPECT_FALSE(spec.at("plugins").contains("data_source"));
  const auto& tokenizer = *std::find_if(plan.stages.begin(), plan.stages.end(), [](const auto& s) { return s.kind == "tokenizer"; });
  EXPECT_EQ(stage_spec(plan, tokenizer, planner.results(), 2).at("plugins").size(), 2U) << "what it does not use is not on its record";
  EXPECT_EQ(spec.at("numerics"), (Json{{"device", "cpu"}, {"precision", "fp32"}, {"deterministic", true}}));
  EXPECT_FALSE(spec.at("settings").contains("numerics"));
  EXPECT_EQ(spec.at("origins").at("prior.seed"), "command line");
  EXPECT_FALSE(spec.at("origins").contains("prior.width"));
}

TEST(Plan, Text) {
  Planner planner;
  auto plan = planner.plan("question = \"Which?\"\nprior.label_smoothing = 0.1\n" + kThreeArms);
  plan.source = "e.toml";
  for (auto& stage : plan.stages) stage.key = std::string(32, 'k');
  for (auto& cell : plan.cells)
    for (auto& lapsed : cell.lapsed) lapsed.origin = "e.toml:2:25";
  EXPECT_EQ(plan_text(plan, 100), R"(e.toml: 3 cells x 1 seed = 3 trials, 15 stages: 15 to run, 0 reused
  Which?

  cell    prior            order   sampling           stages
  causal  gpt (786 k)      raster  scan_line          9 to run
  masked  maskgit (786 k)  any     iterative_masking  9 to run
  halton  maskgit (786 k)  any     halton             9 to run
  All cells: data emoji, encoder conv (224 k), quantizer vq (8 k), tokens 8x8 of 256

  stage                       key           state   for
  data                        kkkkkkkkkkkk  to run  all trials
  tokenizer                   kkkkkkkkkkkk  to run  all trials
  tokens                      kkkkkkkkkkkk  to run  all trials
  prior                       kkkkkkkkkkkk  to run  causal
  samples free                kkkkkkkkkkkk  to run  causal
  evaluation of tokenizer     kkkkkkkkkkkk  to run  all trials
  evaluation of calibration   kkkkkkkkkkkk  to run  all trials
  evaluation of prior         kkkkkkkkkkkk  to run  causal
  evaluation of samples free  kkkkkkkkkkkk  to run  causal
  prior                       kkkkkkkkkkkk  to run  masked; halton
  samples free                kkkkkkkkkkkk  to run  masked
  evaluation of prior         kkkkkkkkkkkk  to run  masked; halton
  evaluation of samples free  kkkkkkkkkkkk  to run  masked
  samples free                kkkkkkkkkkkk  to run  halton
  evaluation of samples free  kkkkkkkkkkkk  to run  halton

Cost: unknown, no stage of these kinds has been measured in this results folder

Lapsed with a change of plugin:
  masked; halton: prior.label_smoothing (e.toml:2:25): gpt has it, maskgit has not
)");
}

// A training that was stopped early stays so while the file prunes; what needs it cannot be had. Its last journal says it.
TEST(Plan, PrunedStaysPrunedWhileTheFilePrunes) {
  Planner planner;
  const std::string pruning = "run.prune = \"median\"\n" + kThreeArms;
  auto plan = planner.plan(pruning);
  const auto prior = std::find_if(plan.stages.begin(), plan.stages.end(), [](const auto& s) { return s.kind == "prior"; })->key;
  {
    const auto lease = StageFolder(planner.results(), "prior", prior).try_lease();
    JournalWriter journal(lease->journal(), {{"what", "run"}});
    journal.write({{"t", "end"}, {"state", "pruned"}});
  }
  plan = planner.plan(pruning);
  EXPECT_EQ(plan.stage(prior).state, StageState::pruned);
  EXPECT_EQ(plan.count(StageState::pruned), 4U) << "the prior, its evaluation, its samples, their evaluation";
  EXPECT_EQ(planner.plan(kThreeArms).count(StageState::pruned), 0U) << "without pruning it goes on";
}

TEST(Plan, ComparableAreOnePluginOnTokensMadeAlike) {
  Planner planner;
  const auto plan = planner.plan(kThreeArms + "[grid]\nprior.layers = [2, 4]\ntokenizer.quantizer.codes = [64, 256]\n", {"seeds=2"});
  std::map<std::string, std::set<std::string>> groups;
  for (const auto& stage : plan.stages)
    if (stage.kind == "prior") groups[plan.comparable(stage)].insert(stage.key);
  ASSERT_EQ(groups.size(), 4U) << "gpt and maskgit, 64 and 256 codes; halton shares its prior with masked";
  for (const auto& [group, stages] : groups) EXPECT_EQ(stages.size(), 4U) << "two depths, two seeds";
}

TEST(Plan, ManyStagesAreSummedUpByKind) {
  Planner planner;
  const auto text = plan_text(planner.plan(kThreeArms, {"seeds=8"}), 100);
  EXPECT_NE(text.find("  stages                      to run  reused  stale  pruned  about\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  prior                       16\n"), std::string::npos) << text;
}

std::optional<StageCost> cost(const Plan& plan, const std::string& kind, const std::vector<MeasuredStage>& measured) {
  const auto stage = std::find_if(plan.stages.begin(), plan.stages.end(), [&](const auto& s) { return s.kind == kind; });
  return estimate_cost(plan, *stage, measured);
}

// Twice the steps take twice the time; a stage that differs less is the better measure; another kind is none.
TEST(Plan, CostIsReadOffTheNearestMeasuredStage) {
  Planner planner;
  const auto small = planner.plan(kThreeArms, {"prior.train.steps=50"}), large = planner.plan(kThreeArms, {"prior.train.steps=200"});
  const auto wide = planner.plan(kThreeArms, {"prior.train.steps=200", "prior.width=256"});
  const auto measured = [](const Plan& plan, const std::string& kind, double seconds, int64_t bytes = 0) {
    const auto stage = std::find_if(plan.stages.begin(), plan.stages.end(), [&](const auto& s) { return s.kind == kind; });
    return MeasuredStage{kind, stage->key, stage->parts, seconds, 2 * seconds, bytes};
  };
  const auto one = cost(large, "prior", {measured(small, "prior", 10), measured(wide, "prior", 99)});
  ASSERT_TRUE(one);
  EXPECT_DOUBLE_EQ(one->seconds, 40);
  EXPECT_DOUBLE_EQ(one->cpu_seconds, 80);
  EXPECT_EQ(one->differences, 0);
  const auto other = cost(wide, "prior", {measured(small, "prior", 10)});
  ASSERT_TRUE(other);
  EXPECT_DOUBLE_EQ(other->seconds, 40);
  EXPECT_EQ(other->differences, 1);
  // Another network is as much slower as it is larger: four times the parameters of what was published, four times the steps.
  EXPECT_DOUBLE_EQ(cost(wide, "prior", {measured(small, "prior", 10, 4 * 786'432)})->seconds, 160);
  EXPECT_DOUBLE_EQ(cost(large, "prior", {measured(small, "prior", 10, 4 * 786'432)})->seconds, 40) << "the same options, the same size";
  const auto deep = planner.plan(kThreeArms, {"prior.train.steps=200", "prior.width=256", "prior.layers=8", "prior.heads=8"});
  const auto largest = cost(deep, "prior", {measured(small, "prior", 10, 4 * 786'432)});
  EXPECT_EQ(largest->differences, 3);
  EXPECT_DOUBLE_EQ(largest->seconds, 160) << "by its size, however many options differ";
  EXPECT_FALSE(cost(large, "prior", {measured(small, "tokenizer", 10)}));
}

}  // namespace
}  // namespace tessera
