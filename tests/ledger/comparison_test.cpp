// compare as a user runs it, on ledgers in which one thing at a time is not as it should be: whole texts, exit codes, JSON.
#include <gtest/gtest.h>

#include "comparison_fixture.hpp"
#include "experiment/compare/comparison.hpp"

namespace tessera {
namespace {

TEST_F(Comparisons, OneSeedHasAnIntervalOverSamples) {
  declare({"causal", "masked"});
  for (const std::string cell : {"causal", "masked"}) trial(cell, 0, {{"evaluation.prior", "e-" + cell}});
  make({"evaluation", "e-causal", {{"bits", 4.0}, {"bits_sample", {1.0, 2.0, 9.0, 4.0}}}});
  make({"evaluation", "e-masked", {{"bits", 5.0}, {"bits_sample", {2.5, 3.0, 9.5, "nan"}}}});
  EXPECT_EQ(block("Differences from causal, paired by seed"), R"(Differences from causal, paired by seed
  One pair has a difference, and no interval of it.
  1 pair cannot reach p = 0.05: the least is 1; 6 can:
    tessera retry quick --seeds 6
)");
  EXPECT_EQ(block("Differences from causal, paired by sample"), R"(Differences from causal, paired by sample (95 % intervals)
  metric, arm  samples  models     Δ  these models  other trainings  both
  prior bits_sample ↓
    masked           3       1  +1.0   -0.2 … +2.2
  these models: over other samples, for the models as they are trained; other trainings: over other
  seeds, on these samples; both: over other seeds and other samples.
  prior bits_sample ↓: 1 sample of masked left out, which some model has no number of.
)");
  const auto found = json().at("sample_differences").at(0);
  EXPECT_EQ(found.at("samples"), 3);
  EXPECT_NEAR(found.at("these_models").at("interval95")[0].get<double>(), 1 - 4.302652729749464 * 0.5 / std::sqrt(3.0), 1e-9);
  EXPECT_FALSE(found.at("other_trainings").contains("interval95"));
  EXPECT_FALSE(found.contains("both"));
  // Named: the mean too has an interval over samples.
  const auto named = json("compare quick bits_sample").at("parts").at(0).at("rows").at(0).at("values").at("bits_sample");
  EXPECT_EQ(named.at("over_samples").at("n"), 4);
  EXPECT_NEAR(named.at("over_samples").at("mean").get<double>(), 4, 1e-12);
}

TEST_F(Comparisons, SamplesOfOtherImagesAreNoPairs) {
  declare({"causal", "masked"});
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0, {{"data", "d-" + cell}, {"evaluation.prior", "e-" + cell}});
    make({"data", "d-" + cell});
    Made made{"evaluation", "e-" + cell, {{"bits", 4.0}, {"bits_sample", {1.0, 2.0, 9.0}}}};
    made.inputs = {{"data", "d-" + cell}};
    make(made);
  }
  EXPECT_EQ(block("Differences from causal, paired by sample"), R"(Differences from causal, paired by sample
  prior bits_sample ↓: masked and causal were scored on different images: sample i is not the same
  one, and no pair.
)");
  EXPECT_FALSE(json().at("sample_differences").at(0).at("same_data"));
}

TEST_F(Comparisons, WhatIsLeftOutIsListed) {
  declare({"causal", "masked"});
  for (int seed : {0, 1, 2, 3})
    for (const std::string cell : {"causal", "masked"}) {
      const std::string key = fmt::format("{}-{}", cell, seed);
      const bool shared = seed == 3;
      trial(cell, seed, {{"prior", "p-" + key}, {"evaluation.prior", shared ? "e-shared" : "e-" + key}});
      if (cell == "masked" && seed == 2) {
        make({"prior", "p-" + key, {}, {{"torch", "2.11"}}, "ab12", {}, {}, "failed"});
        continue;
      }
      make({"prior", "p-" + key, {{"loss", 1.0}}});
      if (!shared)
        make({"evaluation", "e-" + key, {{"bits", 4.0 + seed}, {"rank", cell == "masked" && seed == 1 ? Json("nan") : Json(2.0 + seed)}}});
    }
  make({"evaluation", "e-shared", {{"bits", 9.0}, {"rank", 5.0}}});
  EXPECT_EQ(block("What the differences rest on"), R"(What the differences rest on
  prior: masked and causal are the same stage at seed 3: no difference is counted there.
  prior: masked against causal has no pair at seed 2: no number of masked counts there.
)");
  EXPECT_EQ(block("Left out"), R"(Left out
  masked/2: prior failed: it broke (not evaluated: prior)
  prior rank: masked is NaN at seed 1
)");
  const auto found = json();
  EXPECT_EQ(found.at("excluded"), Json::parse(R"([{"cell": "masked", "seed": 2, "stage": "prior", "state": "failed", "error": "it broke",
                                                  "parts": ["prior"], "censored": false}])"));
  const auto& row = found.at("parts").at(0).at("rows").at(1);
  EXPECT_EQ(row.at("seeds_missing"), Json({2}));
  EXPECT_EQ(row.at("seeds_unpaired"), Json::parse(R"({"same_stage": [3], "row_only": [], "baseline_only": [2]})"));
  EXPECT_EQ(row.at("values").at("rank").at("nan_seeds"), Json({1}));
  EXPECT_EQ(row.at("values").at("rank").at("n"), 2);
}

// Two cells that share what is finished, where each has a failed stage of its own.
TEST_F(Comparisons, OnlyWhatIsFinishedIsCalledTheSame) {
  declare({"causal", "masked"});
  make({"prior", "p", {{"loss", 1.0}}});
  make({"evaluation", "e", {{"bits", 4.0}}});
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0, {{"prior", "p"}, {"evaluation.prior", "e"}});
    trial(cell, 1, {{"prior", "p-" + cell}, {"evaluation.prior", "e-" + cell}});
    make({"prior", "p-" + cell, {}, {{"torch", "2.11"}}, "ab12", {}, {}, "failed"});
  }
  const auto text = tessera("compare quick").first;
  EXPECT_NE(text.find("  all arms (the same finished stage)"), std::string::npos) << text;
}

// A seed that the last run no longer asks for, and fourteen cells on one prior.
TEST_F(Comparisons, RetiredSeedsAndSharedStagesAreSaid) {
  std::vector<std::string> cells = {"base"};
  for (int i = 0; i < 14; ++i) cells.push_back(fmt::format("s{:02}", i));
  declare(cells);
  make({"prior", "p", {{"loss", 1.0}}});
  for (size_t i = 0; i < cells.size(); ++i) {
    trial(cells[i], 0, {{"prior", "p"}, {"evaluation.samples.free", "e" + cells[i]}});
    make({"evaluation", "e" + cells[i], {{"frechet", 1.0 + static_cast<double>(i)}}});
  }
  trial("base", 1, {{"evaluation.prior", "old"}});
  make({"evaluation", "old", {{"bits", 3.0}}});
  auto later = results_.front("g", 2);
  FakeResults::declare(later, "quick", cells);
  for (const auto& cell : cells) FakeResults::trial(later, "quick", cell, 0, {{"prior", "p"}, {"evaluation.samples.free", "e" + cell}});
  const auto text = tessera("compare quick").first;
  EXPECT_NE(text.find("  Same prior as base at every seed: s00; s01; s02; s03; s04; s05; s06; s07; s08; s09; s10; s11; and\n  2 more.\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  Finished, but of seeds that the last run does not ask for: base/1\n"), std::string::npos) << text;
  EXPECT_EQ(json().at("retired_trials"), Json({"base/1"}));
  EXPECT_EQ(json().at("trials"), 15);
}

// Two cells whose seeds are not the same ones have no pair, and so no difference; nor have cells of the same stages.
TEST_F(Comparisons, WithoutAPairThereIsNoDifference) {
  declare({"causal", "masked"});
  for (const int seed : {0, 1, 2, 3}) {
    const std::string cell = seed < 2 ? "causal" : "masked", key = fmt::format("e{}", seed);
    trial(cell, seed, {{"evaluation.prior", key}, {"evaluation.tokenizer", fmt::format("t{}", seed % 2)}});
    make({"evaluation", key, {{"bits", 4.0 + seed}}});
  }
  make({"evaluation", "t0", {{"psnr", 20.0}}});
  make({"evaluation", "t1", {{"psnr", 22.0}}});
  const auto text = tessera("compare quick").first;
  EXPECT_EQ(text.find("Δ\n"), std::string::npos) << text;
  const auto found = json();
  for (const auto& part : found.at("parts"))
    for (const auto& row : part.at("rows"))
      for (const auto& [metric, value] : row.at("values").items()) EXPECT_FALSE(value.contains("difference")) << part.at("name") << metric;
  EXPECT_TRUE(found.at("more_seeds").is_null());
}

// p = 0.05 after Holm's correction wants more pairs than one test does; what is pinned has one pair, however many seeds.
TEST_F(Comparisons, MoreSeedsAreCountedForAllArmsAndNotWhereTheyAddNoPair) {
  declare({"causal", "masked", "halton"});
  for (const std::string key : {"t", "u"}) {
    make({"tokenizer", "of-" + key, {{"loss", 0.5}}});
    make({"evaluation", key, {{"psnr", key == "t" ? 20.0 : 22.0}}});
  }
  for (int seed = 0; seed < 6; ++seed)
    for (const std::string cell : {"causal", "masked", "halton"}) {
      const auto key = fmt::format("{}-{}", cell, seed);
      const std::string pinned = cell == "causal" ? "t" : "u";
      trial(cell, seed, {{"tokenizer", "of-" + pinned}, {"evaluation.tokenizer", pinned}, {"evaluation.prior", key}});
      make({"evaluation",
            key,
            {{"bits", 4.0 + 0.01 * seed * seed +
                          (cell == "causal"   ? 0
                           : cell == "masked" ? 1 + 0.02 * seed
                                              : 2 - 0.03 * seed)}}});
    }
  const auto more = json().at("more_seeds");
  EXPECT_EQ(more.at("part"), "prior") << "not the tokenizer, whose one pair stays one";
  EXPECT_EQ(more.at("reach"), true);
  EXPECT_EQ(more.at("pairs"), 6);
  EXPECT_EQ(more.at("seeds"), 7);
  EXPECT_NEAR(more.at("least_p").get<double>(), 2 * 2 / 64.0, 1e-12);
  const auto text = tessera("compare quick").first;
  EXPECT_NE(
      text.find("  6 pairs cannot reach p = 0.05, corrected for 2 arms: the least is 0.062; 7 can:\n    tessera retry quick --seeds 7\n"),
      std::string::npos)
      << text;
}

// What `rm` took out, and what was begun and not finished, comes with the next run: no other seed has to take its place.
TEST_F(Comparisons, MoreSeedsCountOnTheSeedsAskedFor) {
  declare({"causal", "masked", "halton"});
  const auto add = [&](const std::string& cell, int seed, const std::string& state) {
    const auto key = fmt::format("{}-{}", cell, seed);
    trial(cell, seed, {{"prior", "p-" + key}, {"evaluation.prior", key}});
    make({"prior", "p-" + key, {}, {{"torch", "2.11"}}, "ab12", {}, {}, state});
    if (state == "done") make({"evaluation", key, {{"bits", 4.0 + 0.1 * seed * (cell[0] - 100)}}});
  };
  for (int seed = 0; seed < 5; ++seed)
    for (const std::string cell : {"causal", "masked", "halton"}) add(cell, seed, "done");
  EXPECT_EQ(json().at("more_seeds").at("seeds"), 7);
  ASSERT_EQ(tessera("rm quick/halton/4 --yes").second, 0);
  auto more = json().at("more_seeds");
  EXPECT_EQ(more.at("cells"), Json({"halton"})) << "of two that need as many seeds the one with fewer pairs";
  EXPECT_EQ(more.at("pairs"), 4);
  EXPECT_EQ(more.at("seeds"), 7);
  EXPECT_EQ(json().at("parts").at(0).at("rows").at(2).at("values").at("bits").at("paired").at("pairs_coming"), 1);
  EXPECT_NE(
      tessera("compare quick").first.find("  4 pairs (of halton in prior bits) cannot reach p = 0.05, corrected for 2 arms: the least is"),
      std::string::npos);
  ASSERT_EQ(tessera("rm quick/causal/3 --yes").second, 0);
  EXPECT_EQ(json().at("more_seeds").at("pairs"), 3);
  EXPECT_EQ(json().at("more_seeds").at("seeds"), 7) << "seeds 3 and 4, of one cell each";

  for (const std::string cell : {"causal", "masked", "halton"}) add(cell, 5, "interrupted");
  add("causal", 6, "done"), add("masked", 6, "failed"), add("halton", 6, "interrupted");
  const auto found = json();
  EXPECT_EQ(found.at("parts").at(0).at("rows").at(1).at("values").at("bits").at("paired").at("pairs_coming"), 2) << "masked: seeds 3 and 5";
  EXPECT_EQ(found.at("parts").at(0).at("rows").at(2).at("values").at("bits").at("paired").at("pairs_coming"), 4)
      << "halton: seeds 3, 4, 5 and 6";
  EXPECT_EQ(found.at("more_seeds").at("cells"), Json({"masked"})) << "whose seed 6 failed";
  EXPECT_EQ(found.at("more_seeds").at("seeds"), 7 + 1);
}

// What was removed and is not asked for any more does not come back.
TEST_F(Comparisons, RemovedTrialsOfOtherSeedsAreNotCountedOn) {
  declare({"causal", "masked"});
  const auto add = [&](FakeJournal& front, int seed) {
    for (const std::string cell : {"causal", "masked"})
      FakeResults::trial(front, "quick", cell, seed, {{"evaluation.prior", fmt::format("{}-{}", cell, seed)}});
  };
  for (int seed = 0; seed < 10; ++seed) {
    add(front_, seed);
    for (const std::string cell : {"causal", "masked"})
      make({"evaluation", fmt::format("{}-{}", cell, seed), {{"bits", 4.0 + 0.1 * seed * (cell[0] - 100)}}});
  }
  ASSERT_EQ(tessera("rm quick/masked --yes").second, 0);
  auto later = results_.front("later", 4e9);
  FakeResults::declare(later, "quick", {"causal", "masked"});
  for (int seed = 0; seed < 3; ++seed) add(later, seed);
  EXPECT_EQ(json().at("more_seeds").at("pairs"), 3);
  EXPECT_EQ(json().at("more_seeds").at("seeds"), 6);
}

// Seeds that share a stage are one cluster: what is no number is left out of its mean, not the whole of it.
TEST_F(Comparisons, ANanLeavesItsClusterAsItIs) {
  declare({"causal", "masked"});
  for (int seed = 0; seed < 3; ++seed) {
    trial("causal", seed, {{"evaluation.prior", "one"}});
    trial("masked", seed, {{"evaluation.prior", fmt::format("m{}", seed)}});
    make({"evaluation", fmt::format("m{}", seed), {{"bits", seed == 1 ? Json("nan") : Json(5.0 + seed)}}});
  }
  make({"evaluation", "one", {{"bits", 4.0}}});
  const auto row = json().at("parts").at(0).at("rows").at(1).at("values").at("bits");
  EXPECT_EQ(row.at("paired").at("n"), 1);
  EXPECT_DOUBLE_EQ(row.at("difference").get<double>(), (1 + 3) / 2.0);
}

// One samples stage for all seeds has one pair, whatever more seeds there are.
TEST_F(Comparisons, PinnedSamplesAskForNoSeeds) {
  declare({"causal", "masked"});
  for (int seed = 0; seed < 3; ++seed)
    for (const std::string cell : {"causal", "masked"})
      trial(cell, seed, {{"samples.free", "s-" + cell}, {"evaluation.samples.free", "e-" + cell}});
  for (const std::string cell : {"causal", "masked"}) {
    make({"samples", "s-" + cell, {}});
    make({"evaluation", "e-" + cell, {{"frechet", cell == "causal" ? 1.0 : 2.0}}});
  }
  EXPECT_TRUE(json().at("more_seeds").is_null());
  EXPECT_NE(block("What the differences rest on").find("share one samples.free in each cell"), std::string::npos);
}

// Real data scored with other options is another row; over tokenizers of one setting it is pooled.
TEST_F(Comparisons, RealDataHasARowForEachSettingOfItsOwn) {
  declare({"few", "many"});
  for (const std::string cell : {"few", "many"}) {
    trial(cell, 0, {{"evaluation.samples.free", "e-" + cell}, {"evaluation.calibration", "c-" + cell}});
    make({"evaluation", "e-" + cell, {{"frechet", 3.0}}});
    make({"evaluation",
          "c-" + cell,
          {{"real.frechet", cell == "few" ? 1.5 : 0.5}},
          {{"torch", "2.11"}},
          "ab12",
          {{"options", {{"sampling.count", cell == "few" ? 8 : 16}, {"evaluate.batch", 64}}}}});
  }
  const auto text = block("samples.free\n");
  EXPECT_NE(text.find("  real data: real (sampling.count=8)   1      1.5"), std::string::npos) << text;
  EXPECT_NE(text.find("  real data: real (sampling.count=16)  1"), std::string::npos) << text;
  EXPECT_EQ(text.find("all tokenizers"), std::string::npos);
  trial("few", 1, {{"evaluation.samples.free", "e-few"}, {"evaluation.calibration", "c-default"}});
  make({"evaluation", "c-default", {{"real.frechet", 9.5}}, {{"torch", "2.11"}}, "ab12", {{"options", {{"evaluate.batch", 64}}}}});
  EXPECT_NE(block("samples.free\n").find("real data: real (sampling.count=default)  1"), std::string::npos);
}

// What a table of differences leaves out, and Holm counts; a baseline that has no number.
TEST_F(Comparisons, WhatTheDifferencesLeaveOutIsSaid) {
  declare({"causal", "masked", "same"});
  for (int seed = 0; seed < 3; ++seed)
    for (const std::string cell : {"causal", "masked", "same"}) {
      const auto key = fmt::format("{}-{}", cell, seed);
      Json stages = {{"evaluation.prior", key}};
      if (cell != "causal") stages["evaluation.samples.free"] = "s-" + key;
      trial(cell, seed, stages);
      make({"evaluation", key, {{"bits", 4.0 + (cell == "masked" ? 1 + 0.1 * seed : 0)}}});
      if (cell != "causal") make({"evaluation", "s-" + key, {{"frechet", 2.0}}});
    }
  EXPECT_EQ(json().at("notes"),
            Json({"prior bits: no difference in any pair, but counted by Holm: same.",
                  "samples.free: no difference is counted, for the baseline causal has no number there: masked; same."}));
  EXPECT_NE(tessera("export quick --format markdown").first.find("no difference in any pair"), std::string::npos);
}

// Cells of the same stages are one row, compared by the first of them that has a baseline.
TEST_F(Comparisons, ARowIsComparedByACellThatHasABaseline) {
  FakeResults::declare(front_, "quick", {"mask, count=16", "base, count=8", "mask, count=8"}, "q.toml:3:1", "base");
  for (int seed = 0; seed < 3; ++seed)
    for (const std::string cell : {"base, count=8", "mask, count=8", "mask, count=16"}) {
      const auto key = fmt::format("{}{}", cell[0], seed);
      trial(cell, seed, {{"evaluation.prior", key}});
      if (cell != "mask, count=16") make({"evaluation", key, {{"bits", 4.0 + (cell[0] == 'm' ? 0.1 * seed : 0)}}});
    }
  EXPECT_EQ(json().at("parts").at(0).at("rows").at(1).at("from"), "base, count=8");
  EXPECT_EQ(json().at("notes"), Json::array());
}

// What a metric has at a seed, another one of the part may lack: the training's own metrics come before the evaluation's.
TEST_F(Comparisons, ComingPairsAreCountedByMetric) {
  declare({"causal", "masked"});
  for (int seed = 0; seed < 5; ++seed)
    for (const std::string cell : {"causal", "masked"}) {
      const auto key = fmt::format("{}-{}", cell, seed);
      trial(cell, seed, {{"prior", "p-" + key}, {"evaluation.prior", "e-" + key}, {"samples.free", "s-" + key}});
      make({"prior", "p-" + key, {{"loss", 1.0 + 0.1 * seed * (cell[0] - 100)}}});
      if (seed == 4) make({"samples", "s-" + key, {}, {{"torch", "2.11"}}, "ab12", {}, {}, "failed"});
      if (seed < 3)
        make({"evaluation", "e-" + key, {{"bits", 4.0 + 0.1 * seed * (cell[0] - 100)}}});
      else
        make({"evaluation", "e-" + key, {}, {{"torch", "2.11"}}, "ab12", {}, {}, "interrupted"});
    }
  const auto values = json().at("parts").at(0).at("rows").at(1).at("values");
  EXPECT_FALSE(values.at("loss").at("paired").contains("pairs_coming"));
  EXPECT_EQ(values.at("bits").at("paired").at("pairs_coming"), 2) << "a sampling that failed is no reason";
}

// What fails takes with it what is made from it, not what it is made from.
TEST_F(Comparisons, AFailureIsFinalForWhatFollowsItAlone) {
  declare({"causal", "masked"});
  for (int seed = 0; seed < 5; ++seed)
    for (const std::string cell : {"causal", "masked"}) {
      const auto key = fmt::format("{}-{}", cell, seed);
      trial(cell, seed,
            {{"tokenizer", "t-" + key}, {"evaluation.tokenizer", "et-" + key}, {"prior", "p-" + key}, {"evaluation.prior", "ep-" + key}});
      const bool masked = cell == "masked";
      const double value = 4.0 + 0.1 * seed * (cell[0] - 100);
      make({"tokenizer", "t-" + key, {}, {{"torch", "2.11"}}, "ab12", {}, {}, masked && seed == 4 ? "failed" : "done"});
      if (!masked || seed < 3) make({"evaluation", "et-" + key, {{"psnr", value}}});
      if (!masked || seed < 4)
        make({"prior", "p-" + key, {}, {{"torch", "2.11"}}, "ab12", {}, {}, masked && seed == 3 ? "failed" : "done"});
      if (!masked || seed < 3) make({"evaluation", "ep-" + key, {{"bits", value}}});
    }
  const auto parts = json().at("parts");
  const auto paired = [&](size_t part, const char* metric) { return parts.at(part).at("rows").at(1).at("values").at(metric).at("paired"); };
  ASSERT_EQ(parts.at(0).at("name"), "tokenizer");
  EXPECT_EQ(paired(0, "psnr").at("pairs_coming"), 1) << "seed 3, whose prior failed; not seed 4, whose tokenizer did";
  EXPECT_FALSE(paired(1, "bits").contains("pairs_coming")) << "seeds 3 and 4 are lost";
}

// Where an answer orders by cells it is in the order of the file.
TEST_F(Comparisons, CellsKeepTheOrderOfTheFile) {
  declare({"masked", "causal"});
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0, {{"prior", "p-" + cell}, {"evaluation.prior", cell}});
    make({"prior", "p-" + cell, {{"loss", 1.0}}});
    make({"evaluation", cell, {{"bits", 4.0}}});
  }
  for (const char* arguments : {"export quick bits --format json", "query @scores quick bits --json", "query @curve quick loss --json",
                                "query @provenance quick --json"}) {
    const auto rows = Json::parse(tessera(arguments).first);
    ASSERT_GE(rows.size(), 2U) << arguments;
    EXPECT_EQ(rows.at(0).at("cell"), "masked") << arguments;
    EXPECT_EQ(rows.at(1).at("cell"), "causal") << arguments;
  }
}

// Of how many images a number comes stands in the heading, be it asked for or not.
TEST_F(Comparisons, CountsStandInHeadings) {
  declare({"causal", "masked"});
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0, {{"evaluation.prior", cell}});
    make({"evaluation", cell, {{"bits", 4.0}, {"rank", 2.0}, {"images", 96}}});
  }
  for (const char* arguments : {"compare quick", "compare quick bits", "compare quick images bits"})
    EXPECT_NE(tessera(arguments).first.find("\nprior · images 96\n"), std::string::npos) << arguments;
  EXPECT_EQ(json("compare quick bits").at("parts").at(0).at("metrics").size(), 2U);
}

// Of comparisons with too few pairs the one that lacks most is named; where all have enough, the difference that needs fewest seeds.
TEST_F(Comparisons, MoreSeedsNamesTheFurthestToReachAndTheNearestToSee) {
  declare({"causal", "masked", "halton"});
  const auto noise = [](int seed) { return 0.1 * ((7 * seed) % 5 - 2); };
  const auto add = [&](const std::string& cell, int seed, double easy, double hard) {
    const auto key = fmt::format("{}-{}", cell, seed);
    trial(cell, seed, {{"evaluation.prior", key}});
    make({"evaluation", key, {{"easy", easy}, {"hard", hard}}});
  };
  for (int seed = 0; seed < 6; ++seed) {
    add("causal", seed, 1, 1);
    add("masked", seed, 1.12 + noise(seed), 1.05 + noise(seed));
    if (seed < 4) add("halton", seed, 2 + noise(seed), 2 + noise(seed));
  }
  auto more = json().at("more_seeds");
  EXPECT_EQ(more.at("reach"), true);
  EXPECT_EQ(more.at("cells"), Json({"halton"}));
  EXPECT_EQ(more.at("pairs"), 4);
  EXPECT_EQ(more.at("seeds"), 7) << "halton's seeds 4 and 5 come with them";

  for (int seed = 6; seed < 10; ++seed) {
    add("causal", seed, 1, 1);
    add("masked", seed, 1.12 + noise(seed), 1.05 + noise(seed));
  }
  for (int seed = 4; seed < 10; ++seed) add("halton", seed, 2 + noise(seed), 2 + noise(seed));
  const auto found = json();
  more = found.at("more_seeds");
  EXPECT_EQ(more.at("reach"), false);
  int64_t least = 1'000'000, most = 0;
  for (const auto& row : found.at("parts").at(0).at("rows"))
    for (const auto& [metric, value] : row.at("values").items())
      if (value.contains("paired") && value.at("paired").at("pairs_missing") != 0) {
        least = std::min(least, value.at("paired").at("pairs_missing").get<int64_t>());
        most = std::max(most, value.at("paired").at("pairs_missing").get<int64_t>());
      }
  EXPECT_LT(least, most);
  EXPECT_EQ(more.at("seeds").get<int64_t>(), 10 + least);
  EXPECT_EQ(more.at("metric"), "easy");
}

// An effect that is the same at every seed is one, and infinities are said.
TEST_F(Comparisons, ConstantEffectsAreShownAndInfinitiesSaid) {
  declare({"causal", "masked"});
  for (int seed = 0; seed < 3; ++seed)
    for (const std::string cell : {"causal", "masked"}) {
      const auto key = fmt::format("{}-{}", cell, seed);
      trial(cell, seed, {{"evaluation.prior", key}});
      make(
          {"evaluation", key, {{"bits", 4.0 + seed + (cell == "masked" ? 0.5 : 0)}, {"wild", cell == "masked" ? Json("inf") : Json(1.0)}}});
    }
  const auto text = tessera("compare quick").first;
  EXPECT_NE(text.find("  prior bits ↓\n    masked         3  +0.500  +0.500 … +0.500  0.250   0.250          0\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("prior wild: masked is infinite at seeds 0, 1, 2: no interval"), std::string::npos) << text;
}

// Two connections read; what another program commits between them is in neither half of the answer.
TEST_F(Comparisons, AllIsReadFromOneStateOfTheLedger) {
  declare({"causal"});
  trial("causal", 0, {{"prior", "p"}, {"evaluation.prior", "e"}});
  make({"prior", "p", {{"loss", 1.0}}});
  make({"evaluation", "e", {{"bits", 4.0}}});
  ASSERT_EQ(tessera("compare quick").second, 0);
  const auto file = ledger_file(results_.folder());
  SQLite::Database writer(file.string(), SQLite::OPEN_READWRITE);
  writer.exec("PRAGMA journal_mode = WAL");  // readers keep their state while it writes
  auto database = open_read_only(file);
  database.exec("BEGIN");
  ASSERT_EQ(database.execAndGet("SELECT count(*) FROM run").getInt(), 2);
  writer.exec("UPDATE run SET cpu_seconds = 12345; UPDATE journal SET offset = offset + 1");
  const auto cost = [&] { return compare(database, {"quick", {}}).cost.rows.at(0).values.at(0)->estimate.mean; };
  EXPECT_NE(cost(), 12345);
  database.exec("COMMIT");
  EXPECT_EQ(cost(), 12345) << "once a new state is read";
}

}  // namespace
}  // namespace tessera
