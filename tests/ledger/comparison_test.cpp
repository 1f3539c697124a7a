// compare as a user runs it, on ledgers in which one thing at a time is not as it should be: whole texts, exit codes, JSON.
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "experiment/compare/comparison.hpp"
#include "ledger_fixture.hpp"

namespace tessera {
namespace {

// A stage made by one run or more, with what it ran on.
struct Made {
  std::string kind, key;
  Json values = Json::object();  // metric -> number, or a list: one a sample; of "…_s" a clock's
  Json env = {{"torch", "2.11"}, {"threads", 2}, {"host", "a"}, {"pid", 1}};
  std::string plugin_sha = "ab12";
  Json parts = Json::object();
  Json inputs = Json::object();
  std::string state = "done";
  int n = 1;
  int64_t from_step = 0, step = 1;
};

class Comparisons : public ::testing::Test {
 protected:
  Comparisons() : results_("comparison"), front_(results_.front("f", 1)) {}

  void make(const Made& made) {
    FakeJournal journal(results_.folder(), fmt::format("stages/{}-{}/runs/{}/journal.jsonl", made.kind, made.key, made.n),
                        fmt::format("run-{}-{}", made.key, made.n),
                        {{"what", "run"},
                         {"stage", made.key},
                         {"kind", made.kind},
                         {"n", made.n},
                         {"from_step", made.from_step},
                         {"parts", made.parts},
                         {"inputs", made.inputs},
                         {"seed", 7},
                         {"time", 1000.0 + made.n},
                         {"env", made.env},
                         {"plugins", {{"prior", {{"id", "gpt"}, {"file", "gpt.so"}, {"sha256", made.plugin_sha}, {"revision", 3}}}}}});
    for (const auto& [name, value] : made.values.items()) {
      const bool timed = name.size() > 2 && name.compare(name.size() - 2, 2, "_s") == 0;
      journal.metric(name, value.is_array() ? "sample" : "step", timed);
      if (!value.is_array()) {
        journal.step(made.step, {{name, value}});
        continue;
      }
      Json indices = Json::array();
      for (size_t i = 0; i < value.size(); ++i) indices.push_back(i);
      journal.write({{"t", "points"}, {"m", name}, {"i", indices}, {"v", value}});
    }
    if (made.state == "done") results_.publish(journal, made.kind, made.key, made.n);
    journal.end(made.state);
  }
  void trial(const std::string& cell, int seed, const Json& stages) { FakeResults::trial(front_, "quick", cell, seed, stages); }
  void declare(const std::vector<std::string>& cells) { FakeResults::declare(front_, "quick", cells); }

  std::pair<std::string, int> tessera(const std::string& arguments) const {
    auto [text, status] = shell(TESSERA_BINARY_DIR "/bin/tessera " + arguments + " --results " + results_.folder().string() + " 2>&1");
    // Commands that it suggests.
    text = std::regex_replace(text, std::regex(TESSERA_BINARY_DIR "/bin/"), "");
    text = std::regex_replace(text, std::regex(" --results " + results_.folder().string()), "");
    return {text, WEXITSTATUS(status)};
  }
  // From this heading to the next empty line.
  std::string block(const std::string& heading, const std::string& arguments = "compare quick") const {
    const auto text = tessera(arguments).first;
    const auto begin = text.find(heading);
    if (begin == std::string::npos) return "no such block in\n" + text;
    return text.substr(begin, text.find("\n\n", begin) + 1 - begin);
  }
  Json json(const std::string& arguments = "compare quick") const { return Json::parse(tessera(arguments + " --json").first); }

  FakeResults results_;
  FakeJournal front_;
};

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

// Two arms at two seeds on one tokenizer; what differs between them is what each test says.
class Controlled : public Comparisons {
 protected:
  void experiment(const Made& causal, const Made& masked) {
    declare({"causal", "masked"});
    make({"tokenizer", "t", {{"loss", 1.0}}});
    for (int seed : {0, 1})
      for (const auto& like : {causal, masked}) {
        const std::string key = fmt::format("{}-{}", like.key, seed);
        trial(like.key, seed, {{"tokenizer", "t"}, {"prior", "p-" + key}, {"evaluation.prior", "e-" + key}});
        Made prior = like;
        prior.key = "p-" + key;
        make(prior);
        make({"evaluation", "e-" + key, {{"bits", 4.0 + seed * 0.5 + static_cast<double>(like.key.size() % 5) * (1 + 0.1 * seed)}}});
      }
  }
  static Made prior(const std::string& cell) {
    Made made{"prior", cell, {{"loss", 1.0}}};
    made.parts = {{"numerics", {{"device", "cpu"}, {"precision", "fp32"}}}, {"revision", 2}};
    return made;
  }
};

TEST_F(Controlled, NothingElseDiffered) {
  auto masked = prior("masked");
  masked.env["host"] = "b", masked.env["pid"] = 2;
  experiment(prior("causal"), masked);
  EXPECT_EQ(block("What else differed"), R"(What else differed
  Nothing uncontrolled is on record: plugin code, data, library, machine, threads, precision and
  steps agree but for what options ask.
)");
  EXPECT_EQ(tessera("compare quick --strict").second, 0);
}

TEST_F(Controlled, EveryUncontrolledDifferenceIsListedAndStrictRefuses) {
  auto masked = prior("masked");
  masked.env = {{"torch", "2.12"}, {"threads", 1}, {"isa", "AVX2"}};
  masked.plugin_sha = "cd34";
  masked.parts = {{"numerics", {{"device", "cpu"}, {"precision", "bf16"}}}, {"revision", 3}};
  masked.step = 7;
  experiment(prior("causal"), masked);
  EXPECT_EQ(block("What else differed"), R"(What else differed
  uncontrolled: masked against causal: engine revision 3, not 2, in prior at seeds 0, 1
  uncontrolled: masked against causal: isa AVX2, not none, in prior at seeds 0, 1
  uncontrolled: masked against causal: numerics.precision bf16, not fp32, in prior at seeds 0, 1
  uncontrolled: masked against causal: plugin gpt revision 3 file cd34, not revision 3 file ab12, in
  prior at seeds 0, 1
  uncontrolled: masked against causal: steps 7, not 1, in prior at seeds 0, 1
  uncontrolled: masked against causal: threads 1, not 2, in prior at seeds 0, 1
  uncontrolled: masked against causal: torch 2.12, not 2.11, in prior at seeds 0, 1
  trained       steps  weights
  prior causal      1  0.00 MB
  prior masked      7  0.00 MB
)");
  EXPECT_EQ(tessera("compare quick --strict"),
            std::make_pair(std::string(R"(tessera: compare --strict: found 7 uncontrolled differences, expected none:
  masked against causal: engine revision 3, not 2, in prior at seeds 0, 1
  masked against causal: isa AVX2, not none, in prior at seeds 0, 1
  masked against causal: numerics.precision bf16, not fp32, in prior at seeds 0, 1
  masked against causal: plugin gpt revision 3 file cd34, not revision 3 file ab12, in prior at seeds 0, 1
  masked against causal: steps 7, not 1, in prior at seeds 0, 1
  masked against causal: threads 1, not 2, in prior at seeds 0, 1
  masked against causal: torch 2.12, not 2.11, in prior at seeds 0, 1
)"),
                           1));
  EXPECT_EQ(json().at("controls").at("uncontrolled"), 7);
}

TEST_F(Controlled, WhatFollowsFromAnOptionIsExpected) {
  for (const std::string cell : {"causal", "masked"}) {
    if (cell == "causal")
      front_.write({{"t", "experiment"}, {"name", "quick"}, {"question", ""}, {"source", "q.toml"}, {"baseline", "causal"}});
    front_.write({{"t", "cell"},
                  {"experiment", "quick"},
                  {"hash", "h-" + cell},
                  {"label", cell},
                  {"axes", {{"arm", cell}}},
                  {"options", {{"prior.train.steps", cell == "causal" ? 1 : 7, "q.toml:1:1"}}}});
  }
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0, {{"prior", "p-" + cell}, {"evaluation.prior", "e-" + cell}});
    auto made = prior("p-" + cell);
    made.step = cell == "causal" ? 1 : 7;
    make(made);
    make({"evaluation", "e-" + cell, {{"bits", 4.0}}});
  }
  EXPECT_EQ(tessera("compare quick --strict").second, 0);
  const auto differences = json().at("controls").at("differences");
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].at("fact"), "steps");
  EXPECT_EQ(differences[0].at("follows"), "prior.train.steps");
}

TEST_F(Controlled, AStageResumedElsewhereIsUncontrolledWithinItself) {
  experiment(prior("causal"), prior("masked"));
  for (int n : {1, 2}) {
    auto made = prior("p-long");
    made.n = n, made.from_step = n == 2 ? 5 : 0, made.step = n == 2 ? 9 : 3;
    made.env["threads"] = n == 2 ? 1 : 2;
    made.state = n == 2 ? "done" : "interrupted";
    make(made);
  }
  make({"evaluation", "e-long", {{"bits", 4.0}}});
  trial("masked", 2, {{"prior", "p-long"}, {"evaluation.prior", "e-long"}});
  EXPECT_NE(tessera("compare quick --strict").first.find("\n  masked: resumed with another threads: 1 after 2, in prior at seed 2\n"),
            std::string::npos)
      << tessera("compare quick --strict").first;
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
  EXPECT_EQ(more.at("seeds"), 6 + 7 - 4);

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

class Frontiers : public Comparisons {
 protected:
  // Cost and quality of a cell at seeds 0, 1, 2.
  void cell(const std::string& name, double evaluations, const std::vector<double>& frechet, const Json& env = {{"threads", 2}}) {
    for (int seed = 0; seed < 3; ++seed) {
      const std::string key = fmt::format("{}-{}", name, seed);
      trial(name, seed, {{"samples.free", "s-" + key}, {"evaluation.samples.free", "e-" + key}});
      make({"samples", "s-" + key, {{"evaluations", evaluations}, {"time_s", 0.5 * evaluations}}, env});
      make({"evaluation", "e-" + key, {{"frechet", frechet[static_cast<size_t>(seed)]}}});
    }
  }
};

TEST_F(Frontiers, SaysWhoIsDominatedByWhomAndWhereItMayBeChance) {
  declare({"causal", "masked", "halton", "poor", "equal"});
  cell("causal", 64, {1.0, 2.0, 3.0});
  cell("masked", 12, {2.0, 3.0, 4.0});
  cell("halton", 12, {4.0, 2.5, 4.5});  // as dear as masked and worse, by a difference that may be chance
  cell("poor", 99, {3.0, 4.1, 5.2});    // dearer than both, worse than both
  cell("equal", 99, {1.0, 2.0, 3.0});   // as good as causal, dearer
  const auto text = tessera("compare quick --frontier").first;
  EXPECT_EQ(text.substr(0, text.find("\n\nsamples.free: frechet ↓ for time_s")), R"(quick: cost and quality

samples.free: frechet ↓ for evaluations per image
          evaluations    frechet  n
  masked           12  3.0 ± 1.0  3  on the frontier
  halton           12  3.7 ± 1.0  3  dominated by masked (?)
  causal           64  2.0 ± 1.0  3  on the frontier
  equal            99  2.0 ± 1.0  3  dominated by causal (?)
  poor             99  4.1 ± 1.1  3  dominated by masked, causal)");
  EXPECT_NE(text.find("frechet ↓ for time_s per image, by the clock of one environment"), std::string::npos);
  const auto found = json("compare quick --frontier").at("frontiers").at(0);
  EXPECT_EQ(found.at("points").at(1).at("cells"), Json({"halton"}));
  EXPECT_FALSE(found.at("points").at(1).at("on_frontier"));
  EXPECT_EQ(found.at("points").at(4).at("dominated_by").size(), 2u);
  EXPECT_EQ(json().at("frontiers"), Json::array()) << "where nobody asked";
}

// A cell whose mean is worse because it has the harder seeds, and which is better at each seed that both have: it may be chance.
TEST_F(Frontiers, AMeanOverOtherSeedsDecidesNothing) {
  declare({"causal", "deep"});
  for (int seed = 0; seed < 6; ++seed)
    for (const std::string cell : {"causal", "deep"}) {
      if (cell == "deep" && seed < 3) continue;
      const std::string key = fmt::format("{}-{}", cell, seed);
      trial(cell, seed, {{"samples.free", "s-" + key}, {"evaluation.samples.free", "e-" + key}});
      make({"samples", "s-" + key, {{"evaluations", cell == "deep" ? 64.0 : 12.0}}});
      make({"evaluation", "e-" + key, {{"frechet", (seed < 3 ? 1.0 : 10.0) + 0.1 * seed - (cell == "deep" ? 1 : 0)}}});
    }
  const auto point = json("compare quick --frontier").at("frontiers").at(0).at("points").at(1);
  EXPECT_EQ(point.at("cells"), Json({"deep"}));
  EXPECT_FALSE(point.at("on_frontier"));
  EXPECT_LT(point.at("dominated_by").at(0).at("interval95").at(1).get<double>(), 0);
  EXPECT_FALSE(point.at("dominated_by").at(0).at("decided"));
}

TEST_F(Frontiers, SecondsOfTwoEnvironmentsDoNotCompare) {
  declare({"causal", "masked"});
  cell("causal", 64, {1.0, 2.0, 3.0});
  cell("masked", 12, {2.0, 3.0, 4.0}, {{"threads", 1}});
  const auto text = tessera("compare quick --frontier").first;
  EXPECT_NE(text.find(R"(
samples.free: no frontier by time_s: the samples were made in 2 environments, and seconds compare
within one alone. compare lists how they differ.
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("frechet ↓ for evaluations per image"), std::string::npos);
  EXPECT_EQ(tessera("compare quick frechet --strict").second, 1);
}

TEST_F(Frontiers, WithoutSamplesThereIsNone) {
  declare({"causal"});
  trial("causal", 0, {{"evaluation.prior", "e"}});
  make({"evaluation", "e", {{"bits", 4.0}}});
  EXPECT_EQ(tessera("compare quick --frontier").first, R"(quick: cost and quality

No part has both a cost and a quality: samples have, once they are evaluated.
)");
}

TEST_F(Comparisons, OtherImagesAreAnUncontrolledDifferenceAndStandInDiff) {
  declare({"causal", "masked"});
  for (const std::string cell : {"causal", "masked"}) {
    trial(cell, 0, {{"data", "d-" + cell}, {"evaluation.prior", "e-" + cell}});
    Made data{"data", "d-" + cell};
    data.parts = {{"source", "emoji"}, {"fingerprint", cell == "causal" ? "0123456789abcdef" : "fedcba9876543210"}};
    make(data);
    make({"evaluation", "e-" + cell, {{"bits", 4.0}}});
  }
  EXPECT_EQ(tessera("compare quick --strict"),
            std::make_pair(std::string("tessera: compare --strict: found 1 uncontrolled difference, expected none:\n"
                                       "  masked against causal: data fedcba987654, not 0123456789ab, in data at seed 0\n"),
                           1));
  EXPECT_EQ(block("data\n", "diff quick/causal/0 quick/masked/0"), R"(data
first  second  first_files   second_files
emoji  emoji   0123456789ab  fedcba987654
)");
}

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
      if (!pruned) make({"evaluation", "e-" + key, {{"bits", 4.0 + seed}}});
    }
  EXPECT_EQ(block("Left out"), R"(Left out
  masked/1: prior pruned (not evaluated: prior)
  1 trial censored (1 of masked): stopped because they did badly, so what is left of such a cell
  looks better than it is.
)");
  EXPECT_TRUE(json().at("excluded").at(0).at("censored"));
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
