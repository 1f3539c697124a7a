// Verbs that pick, mark and remove trials, as a user runs them: whole texts, exit codes, JSON.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"
#include "experiment/run/front_journal.hpp"
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

TEST_F(TrialVerbs, AFolderThatCannotBeWrittenIsSaidBeforeAnythingIsDone) {
  const auto folder = results_.folder();
  std::string said;
  {
    Unprivileged guard(folder);
    try {
      FrontJournal journal(results_.folder(), {"tag"});
    } catch (const Error& error) {
      said = error.what();
    }
  }
  EXPECT_EQ(said, folder.string() + " cannot be written: Permission denied; change its owner, or name another folder by --results");
}

TEST_F(TrialVerbs, LsPicksByFilterAndSorts) {
  EXPECT_EQ(tessera("ls 'prior=gpt and frechet<10' --sort frechet --reverse").first,
            "trial           state  stages  cpu time  tags  samples.free frechet\n"
            "quick/masked/0  done      4/4      82 s                       9.500\n"
            "quick/causal/0  done      4/4      82 s  keep                 8.500\n");
  EXPECT_EQ(listed("quick width=128 and seed=1"), (Names{"quick/causal/1", "quick/masked/1"}));
  EXPECT_EQ(listed("'not (cell=causal or seed=0)'"), Names{"quick/masked/1"});
  EXPECT_EQ(listed("'not (arm=causal or seed=0)'"), Names{"quick/masked/1"}) << "an axis, as the file calls it";
  auto other = results_.front("other", 3000);
  other.write({{"t", "experiment"}, {"name", "other"}, {"source", "o.toml"}});
  other.write(
      {{"t", "cell"}, {"experiment", "other"}, {"hash", "h-o"}, {"label", "o"}, {"axes", {{"width", "8"}}}, {"options", Json::array()}});
  other.end();
  EXPECT_EQ(listed("quick width=128").size(), 4u) << "the axis of another experiment takes no word away";
  EXPECT_EQ(listed("width=128").size(), 4u);
  EXPECT_EQ(listed("quick --sort frechet"), (Names{"quick/causal/0", "quick/masked/0", "quick/causal/1", "quick/masked/1"}));
  EXPECT_EQ(listed("'experiment=quick and state!=done' --retired"), Names{});
  EXPECT_EQ(listed("cell=retired --retired"), Names{"quick/retired/0"});
  EXPECT_EQ(listed("--last 1").size(), 1u);
  EXPECT_EQ(tessera("ls seed=7"), std::make_pair(std::string("No trial for which the filter holds\n"), 0));
}

TEST_F(TrialVerbs, LsRefusesWhatAFilterCannotMean) {
  EXPECT_EQ(
      tessera("ls 'seed=0 and frehet<9'"),
      std::make_pair(
          std::string("tessera: filter: found 'frehet', expected an option's key, an axis, a metric, state, cell, seed, tag, experiment; "
                      "did you mean \"frechet\"?\n  seed=0 and frehet<9\n             ^\n"),
          2));
  EXPECT_EQ(tessera("ls 'loss<3'"),
            std::make_pair(std::string("tessera: filter: found 'loss', which may be prior.loss or tokenizer.loss\n  loss<3\n  ^\n"), 2));
  EXPECT_EQ(tessera("ls 'frechet=low'"),
            std::make_pair(std::string("tessera: filter: found 'low', expected a number: samples.free frechet is a metric\n  frechet=low\n"
                                       "          ^\n"),
                           2));
  // What could hold for no trial.
  const auto refused = [&](const std::string& filter, const std::string& text, int at) {
    EXPECT_EQ(tessera("ls \"" + filter + "\""),
              std::make_pair("tessera: filter: " + text + "\n  " + filter + "\n  " + std::string(static_cast<size_t>(at), ' ') + "^\n", 2));
  };
  refused("state=don", "found 'don', expected a state: done, failed, running, interrupted, pruned, waiting; did you mean \"done\"?", 6);
  refused("state<5", "found an order of 'state', expected =, != or ~: its values are text", 0);
  refused("prior>1", "found an order of 'prior', expected =, != or ~: its values are text", 0);
  refused("width=six", "found 'six', expected a number: prior.width is one", 6);
  refused("seed!=x", "found 'x', expected a number: seed is one", 6);
  refused("cell=maskd", "found 'maskd', which no trial has in cell, expected one of causal, masked; did you mean \"masked\"?", 5);
  refused("frechet=nan", "found 'nan', expected a number: samples.free frechet is a metric; `tessera query @nan` lists what is NaN", 8);
  EXPECT_EQ(tessera("ls 'width=six and flag=true' quick").second, 2);
  EXPECT_EQ(listed("flag=true").size(), 4u);
  // What may hold and holds for none.
  for (const char* none : {"state=failed", "'state!=done'", "prior=maskgit", "tag=best"})
    EXPECT_EQ(tessera(std::string("ls ") + none), std::make_pair(std::string("No trial for which the filter holds\n"), 0)) << none;
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

// A cell is what its options are, whatever it is called.
TEST_F(TrialVerbs, TagsFollowACellThatIsCalledOtherwiseNow) {
  EXPECT_EQ(tessera("tag quick/masked/1 paper").second, 0);
  auto front = results_.front("renamed", 2000);
  front.write({{"t", "experiment"}, {"name", "quick"}, {"source", "q.toml"}, {"baseline", "causal"}});
  for (const auto& [hash, label] : {std::pair{"h-causal", "causal"}, {"h-masked", "mgit"}})
    front.write(
        {{"t", "cell"}, {"experiment", "quick"}, {"hash", hash}, {"label", label}, {"axes", {{"arm", label}}}, {"options", Json::array()}});
  FakeResults::trial(front, "quick", "masked", 1, {{"prior", "p-masked-1"}});
  front.end();
  EXPECT_EQ(tessera("tag").first, "target          tag\nquick/causal/0  keep\nquick/mgit/1    paper\n");
  EXPECT_EQ(tessera("tag quick/mgit/1 paper --remove").first, "trial quick/mgit/1: removed tag paper\n");
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
            std::make_pair(std::string("tessera: tag: found \" \", expected a tag of printable text in one line\n"), 2));
  EXPECT_EQ(tessera("note quick/causal/0 \"$(printf 'x\\ny')\""),
            std::make_pair(std::string("tessera: note: found \"x\\ny\", expected a note of printable text in one line\n"), 2));
  EXPECT_EQ(tessera("note quick/causal/0 'only one'").second, 0);
  EXPECT_EQ(tessera("note quick/causal/0 '' --remove"),
            std::make_pair(std::string("tessera: note: found \"\", expected the note that is to go, or its beginning\n"), 2));
  EXPECT_EQ(json("note").size(), 1u);
  EXPECT_EQ(tessera("tag quick --remove"),
            std::make_pair(std::string("tessera: Usage: tessera tag [TRIAL | CELL | EXPERIMENT | STAGE [NAME]] [--remove]\n"), 2));
}

TEST_F(TrialVerbs, RmHidesTrialsForGoodAndKeepsTheirRows) {
  EXPECT_EQ(
      tessera("rm quick/masked"),
      std::make_pair(std::string("quick/masked/0\nquick/masked/1\nWould remove 2 trials; 1 of their stages are shared with other trials, "
                                 "6 become garbage\nNothing was removed: add --yes\n"),
                     0));
  EXPECT_EQ(listed("quick").size(), 4u);
  EXPECT_EQ(json("rm quick/masked --yes").at("stages_alone"), 6);
  const auto check = [&] {
    EXPECT_EQ(listed("quick"), (Names{"quick/causal/0", "quick/causal/1"}));
    EXPECT_NE(tessera("ls quick --retired").first.find("quick/masked/1   done, removed"), std::string::npos);
    EXPECT_NE(tessera("ls quick --retired").first.find("quick/retired/0  done, retired"), std::string::npos);
    const auto text = tessera("compare quick").first;
    EXPECT_EQ(text.find("masked"), text.find("masked/0")) << text;
    EXPECT_NE(text.find("\n  Removed by hand (rm) though finished: masked/0; masked/1\n"), std::string::npos) << text;
    EXPECT_EQ(json("compare quick").at("removed_trials"), Json({"masked/0", "masked/1"}));
    EXPECT_EQ(number(results_, "SELECT count(*) FROM v_score WHERE cell = 'masked' AND NOT current AND metric = 'frechet'"), 2);
  };
  check();
  const auto digest = tessera("db digest").first;
  EXPECT_EQ(tessera("db rebuild").second, 0);
  EXPECT_EQ(tessera("db digest").first, digest);
  EXPECT_EQ(expected_rows(results_), "");
  check();
  EXPECT_EQ(
      tessera("rm quick/masked --yes"),
      std::make_pair(std::string("tessera: rm: cell quick/masked has no current trial; `tessera ls --retired` lists the others\n"), 2));
  EXPECT_EQ(
      tessera("rm quick/causal/7"),
      std::make_pair(std::string("tessera: rm: found 'quick/causal/7', expected a trial (experiment/cell/seed), a cell (experiment/cell) "
                                 "or an experiment; did you mean \"quick/causal/0\"?\n"),
                     2));
  EXPECT_EQ(tessera("rm quick --yes").second, 0);
  EXPECT_EQ(tessera("ls").first, "All trials were removed: ls --retired lists them\n");
  EXPECT_NE(tessera("ls --retired").first.find("quick/causal/1   done, removed"), std::string::npos);
}

TEST_F(TrialVerbs, GcRemovesWhatNoCurrentTrialNeeds) {
  tessera("ls");  // the double's front is dead, its process number is another's
  const auto running = tessera("cache gc");
  EXPECT_EQ(running.second, 1);
  EXPECT_EQ(running.first,
            "tessera: cache gc: found a front at work: tessera [\"tessera\",\"run\",\"q.toml\"], expected nothing that runs: nothing was "
            "removed\n");
  auto journal = read_file(results_.folder() / "fronts/front-new.jsonl");
  journal.resize(journal.rfind("{\"t\":\"end\""));  // the torn line, mended
  const auto lines = std::count(journal.begin(), journal.end(), '\n');
  std::ofstream(results_.folder() / "fronts/front-new.jsonl") << journal << Json{{"t", "end"}, {"state", "done"}, {"q", lines}} << "\n";
  const auto checkpoint = results_.folder() / "stages/prior-p-causal-0/runs/1/checkpoints/000000020.safetensors";
  fs::create_directories(checkpoint.parent_path());
  std::ofstream(checkpoint) << std::string(1234, 'c');
  EXPECT_EQ(tessera("cache gc").first,
            "stage               size  what          why\n"
            "prior-p-causal-0  1.2 kB  1 checkpoint  published: nothing reads them\n"
            "Would remove 1 file of 1 stage, 1.2 kB. stage.json, journals and logs stay\n"
            "Nothing was removed: add --yes\n");
  EXPECT_EQ(json("cache gc --older-than 2").at("files"), 0);
  EXPECT_EQ(tessera("tag quick/masked/0 keep").second, 0);
  EXPECT_EQ(tessera("rm quick/masked --yes").second, 0);
  EXPECT_EQ(json("cache gc").at("files"), 1 + 2 * 3) << "prior, samples, evaluation of two trials";
  EXPECT_EQ(json("cache gc --keep-tagged").at("files"), 3) << "those of masked/1; the checkpoint is of a tagged trial";
  EXPECT_TRUE(fs::exists(checkpoint));
  EXPECT_EQ(json("cache gc --keep-tagged --yes").at("files"), 3);
  EXPECT_FALSE(fs::exists(results_.folder() / "stages/prior-p-masked-1/runs/2/out/out.safetensors"));
  EXPECT_TRUE(fs::exists(results_.folder() / "stages/prior-p-masked-1/runs/2/journal.jsonl"));
  EXPECT_TRUE(fs::exists(results_.folder() / "stages/prior-p-masked-0/runs/2/out/out.safetensors"));
  const auto hollow = "SELECT group_concat(k) FROM (SELECT kind || '-' || key AS k FROM stage WHERE hollow ORDER BY 1)";
  const std::string expected = "evaluation-e-masked-1,prior-p-masked-1,samples-s-masked-1";
  EXPECT_EQ(text(results_, hollow), expected);
  EXPECT_EQ(tessera("db check").second, 0);
  const auto digest = tessera("db digest").first;
  EXPECT_EQ(tessera("db rebuild").second, 0);
  EXPECT_EQ(tessera("db digest").first, digest);
  EXPECT_EQ(text(results_, hollow), expected);
  EXPECT_EQ(json("show quick/masked/1").at("numbers").size(), 5u) << "every number is still there";
  EXPECT_EQ(json("cache gc --yes").at("files"), 4);
  EXPECT_EQ(tessera("cache gc").first, "Nothing to remove: every big file belongs to a current trial\n");
  EXPECT_EQ(tessera("cache gcc"), std::make_pair(std::string("tessera: cache: found 'gcc', expected why or gc\n"), 2));
  // A stage that is at work: its `alive` is locked.
  const auto alive = results_.folder() / "stages/prior-p-causal-0/runs/2/alive";
  EXPECT_EQ(shell("touch " + alive.string() + " && flock " + alive.string() +
                  " " TESSERA_BINARY_DIR "/bin/tessera cache gc --yes --results " + results_.folder().string() + " 2>&1")
                .first,
            "tessera: cache gc: found run 2 of prior-p-causal-0 at work, expected nothing that runs: nothing was removed\n");
}

}  // namespace
}  // namespace tessera
