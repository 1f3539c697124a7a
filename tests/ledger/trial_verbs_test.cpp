// Verbs that pick, mark and remove trials, as a user runs them: whole texts, exit codes, JSON.
#include <gtest/gtest.h>

#include "ledger_fixture.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

class TrialVerbs : public ::testing::Test {
 protected:
  TrialVerbs() : results_("trial-verbs") { write_experiment(results_); }
  // stdout and stderr together, and the exit code.
  std::pair<std::string, int> tessera(const std::string& arguments) {
    auto [text, status] = shell(TESSERA_BINARY_DIR "/bin/tessera " + arguments + " --results " + results_.folder().string() + " 2>&1");
    return {text, WEXITSTATUS(status)};
  }
  Json json(const std::string& arguments) { return Json::parse(tessera(arguments + " --json").first); }
  // Names of the trials that `ls` lists.
  std::vector<std::string> listed(const std::string& arguments) {
    std::vector<std::string> names;
    for (const auto& trial : json("ls " + arguments)) names.push_back(trial.at("trial"));
    return names;
  }
  FakeResults results_;
};
using Names = std::vector<std::string>;

TEST_F(TrialVerbs, LsPicksByFilterAndSorts) {
  EXPECT_EQ(tessera("ls 'prior=gpt and frechet<10' --sort frechet --reverse").first,
            "trial           state  stages  cpu time  tags  samples.free frechet\n"
            "quick/masked/0  done      4/4      82 s                       9.500\n"
            "quick/causal/0  done      4/4      82 s  keep                 8.500\n");
  EXPECT_EQ(listed("quick width=128 and seed=1"), (Names{"quick/causal/1", "quick/masked/1"}));
  EXPECT_EQ(listed("'not (cell=causal or seed=0)'"), Names{"quick/masked/1"});
  EXPECT_EQ(listed("quick --sort frechet"), (Names{"quick/causal/0", "quick/masked/0", "quick/causal/1", "quick/masked/1"}));
  EXPECT_EQ(listed("'experiment=quick and state!=done' --retired"), Names{});
  EXPECT_EQ(listed("cell=retired --retired"), Names{"quick/retired/0"});
  EXPECT_EQ(listed("--last 1").size(), 1u);
  EXPECT_EQ(tessera("ls seed=7"), std::make_pair(std::string("No trial for which the filter holds\n"), 0));
}

TEST_F(TrialVerbs, LsRefusesWhatAFilterCannotMean) {
  EXPECT_EQ(
      tessera("ls 'seed=0 and frehet<9'"),
      std::make_pair(std::string("tessera: filter: found 'frehet', expected an option's key, a metric, state, cell, seed, tag, experiment; "
                                 "did you mean \"frechet\"?\n  seed=0 and frehet<9\n             ^\n"),
                     2));
  EXPECT_EQ(tessera("ls 'loss<3'"),
            std::make_pair(std::string("tessera: filter: found 'loss', which may be prior.loss or tokenizer.loss\n  loss<3\n  ^\n"), 2));
  EXPECT_EQ(tessera("ls 'frechet=low'"),
            std::make_pair(std::string("tessera: filter: found 'low', expected a number: samples.free frechet is a metric\n  frechet=low\n"
                                       "          ^\n"),
                           2));
  EXPECT_EQ(tessera("ls quick --last 0"), std::make_pair(std::string("tessera: --last: found 0, expected a number of at least 1\n"), 2));
  EXPECT_EQ(tessera("ls --sort colour").second, 2);
}

TEST_F(TrialVerbs, TagsAreFactsThatOutliveARebuild) {
  EXPECT_EQ(tessera("tag quick/masked best"), std::make_pair(std::string("cell quick/masked: tag best\n"), 0));
  EXPECT_EQ(tessera("tag quick/causal/1 best").second, 0);
  EXPECT_EQ(tessera("tag prior-p-causal-0 odd").first, "stage prior-p-causal-0: tag odd\n");
  EXPECT_EQ(tessera("tag quick all").first, "experiment quick: tag all\n");
  EXPECT_EQ(tessera("note quick/causal/1 'seed 1 looks blurred'").second, 0);
  const auto check = [&] {
    EXPECT_EQ(listed("tag=best"), (Names{"quick/causal/1", "quick/masked/0", "quick/masked/1"}));
    EXPECT_EQ(listed("'tag=all and tag!=best'"), Names{"quick/causal/0"});
    EXPECT_EQ(listed("tag=odd"), Names{"quick/causal/0"}) << "a trial has its stages' tags";
    EXPECT_EQ(listed("tag=hasty"), Names{}) << "taken back in the journal";
    EXPECT_EQ(json("show quick/causal/1").at("marks").size(), 3u);
    EXPECT_EQ(json("note").at(0).at("note"), "seed 1 looks blurred");
    EXPECT_EQ(json("show prior-p-causal-0").at("marks").at(0).at("text"), "odd");
  };
  check();
  const auto digest = tessera("db digest").first;
  EXPECT_EQ(tessera("db rebuild").second, 0);
  EXPECT_EQ(tessera("db digest").first, digest);
  EXPECT_EQ(expected_rows(results_), "");
  check();
  EXPECT_EQ(tessera("tag quick/masked best --remove").first, "cell quick/masked: removed tag best\n");
  EXPECT_EQ(tessera("note quick/causal/1 seed --remove").first, "trial quick/causal/1: removed note seed 1 looks blurred\n");
  EXPECT_EQ(tessera("db rebuild").second, 0);
  EXPECT_EQ(listed("tag=best"), Names{"quick/causal/1"});
  EXPECT_EQ(json("note"), Json::array());
  EXPECT_EQ(tessera("tag").first,
            "target            tag\nquick/causal/0    keep\nquick/causal/1    best\nprior-p-causal-0  odd\nquick             all\n");
  EXPECT_EQ(tessera("tag quick/masked best").second, 0) << "and again";
  EXPECT_EQ(listed("tag=best").size(), 3u);
}

TEST_F(TrialVerbs, TagsSayWhatTheyCannotMark) {
  EXPECT_EQ(tessera("tag quick/cuasal/0 best"),
            std::make_pair(std::string("tessera: tag: found 'quick/cuasal/0', expected a trial (experiment/cell/seed), a cell "
                                       "(experiment/cell), an experiment or a stage's key (four digits at least); did you mean "
                                       "\"quick/causal/0\"?\n"),
                           2));
  EXPECT_EQ(tessera("tag quick/causal/0 kep --remove"),
            std::make_pair(std::string("tessera: tag: found no tag 'kep' on quick/causal/0, which has keep; did you mean \"keep\"?\n"), 2));
  EXPECT_EQ(tessera("tag prior-p best").second, 2) << "begins four keys";
  EXPECT_EQ(tessera("tag quick/causal/0 ' '"),
            std::make_pair(std::string("tessera: tag: found \" \", expected a tag of printable text\n"), 2));
  EXPECT_EQ(tessera("tag quick --remove"),
            std::make_pair(std::string("tessera: Usage: tessera tag [TRIAL | CELL | EXPERIMENT | STAGE [NAME]] [--remove]\n"), 2));
}

}  // namespace
}  // namespace tessera
