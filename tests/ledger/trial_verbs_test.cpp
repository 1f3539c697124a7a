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
            "trial           state  stages  cpu time  samples.free frechet\n"
            "quick/masked/0  done      4/4      82 s                 9.500\n"
            "quick/causal/0  done      4/4      82 s                 8.500\n");
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
      std::make_pair(std::string("tessera: filter: found 'frehet', expected an option's key, a metric, state, cell, seed, experiment; "
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

}  // namespace
}  // namespace tessera
