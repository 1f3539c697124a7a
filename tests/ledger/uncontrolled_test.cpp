// What else differed between two cells: each uncontrolled difference alone, as compare lists it and --strict refuses it.
#include "comparison_fixture.hpp"

namespace tessera {
namespace {

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

// Seeds that ran on another number of threads, in both cells: means have it, pairs do not.
TEST_F(Controlled, WhatDiffersBetweenSeedsAloneIsTold) {
  declare({"causal", "masked"});
  for (int seed : {0, 1, 2})
    for (const std::string cell : {"causal", "masked"}) {
      const std::string key = fmt::format("{}-{}", cell, seed);
      trial(cell, seed, {{"prior", "p-" + key}, {"evaluation.prior", "e-" + key}});
      make({"prior",
            "p-" + key,
            {{"loss", 1.0}},
            {{"torch", "2.11"}, {"threads", seed == 0 ? 2 : 1}},
            "ab12",
            {},
            {},
            "done",
            1,
            0,
            5 + seed});
      make({"evaluation", "e-" + key, {{"bits", 4.0 + seed}}});
    }
  EXPECT_EQ(block("What else differed"), R"(What else differed
  causal; masked: threads 1, not 2 as at the first seed, in prior at seeds 1, 2: between seeds, not
  within pairs
  Within pairs nothing uncontrolled is on record.
)");
  EXPECT_EQ(tessera("compare quick --strict").second, 0);
  EXPECT_EQ(json().at("controls").at("differences").at(0).at("between_seeds"), true);
  EXPECT_EQ(json().at("controls").at("uncontrolled"), 0);
}

TEST_F(Controlled, TheFirstSeedIsTheFirstThatIsFinished) {
  declare({"causal"});
  for (int seed : {0, 1, 2}) {
    const auto key = fmt::format("{}", seed);
    trial("causal", seed, {{"prior", "p-" + key}, {"evaluation.prior", "e-" + key}});
    make({"prior", "p-" + key, {}, {{"torch", "2.11"}, {"threads", seed}}, "ab12", {}, {}, seed == 0 ? "failed" : "done"});
    if (seed > 0) make({"evaluation", "e-" + key, {{"bits", 4.0 + seed}}});
  }
  EXPECT_EQ(block("What else differed"), R"(What else differed
  causal: threads 2, not 1 as at the first seed, in prior at seed 2: between seeds, not within pairs
  Within pairs nothing uncontrolled is on record.
)");
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

TEST_F(Controlled, OtherImagesAreAnUncontrolledDifferenceAndStandInDiff) {
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

}  // namespace
}  // namespace tessera
