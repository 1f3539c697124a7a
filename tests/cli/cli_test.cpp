// The program tessera from outside, over the fake host: words in, texts and exit codes out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <regex>

#include "cli_fixture.hpp"

namespace tessera {
namespace {

TEST_F(Cli, HelpListsEveryVerb) {
  const auto help = call({"--help"});
  EXPECT_EQ(help.status.code, 0);
  const auto listed = verbs();
  EXPECT_GE(listed.size(), 16U);
  for (const char* verb : {"run", "plan", "ls", "compare", "query", "report", "doctor"})
    EXPECT_NE(std::find(listed.begin(), listed.end(), verb), listed.end()) << verb;
  EXPECT_EQ(call({}).status.code, 2);
}

TEST_F(Cli, EveryVerbExplainsItself) {
  for (const auto& verb : verbs()) {
    const auto help = call({verb, "--help"});
    EXPECT_EQ(help.status.code, 0) << verb;
    EXPECT_EQ(help.out.rfind(fmt::format("Usage: tessera {}", verb), 0), 0U) << help.out;
  }
}

struct WordError {
  std::vector<std::string> words;
  int code;
  std::string text;
};

TEST_F(Cli, ErrorsSayWhatToDo) {
  const std::vector<WordError> table = {
      {{"rum"}, 2, fmt::format("tessera: found 'rum', expected a verb: {}; did you mean \"run\"?\n", fmt::join(verbs(), ", "))},
      {{"plan"}, 2, "tessera: Usage: tessera plan FILE [key=value …]\n"},
      {{"plan", "e.toml", "--resluts", "x"}, 2, "tessera: tessera plan: unknown option --resluts, did you mean --results?\n"},
      {{"plan", "none.toml"}, 2, "tessera: found no file none.toml, expected an experiment file\n"},
      {{"plan", "none"}, 2, "tessera: found no file none, expected an experiment file (experiments/none.toml is none either)\n"},
      {{"run", "e.toml", "-j", "0"}, 2, "tessera: command line: run.jobs: found 0, expected integer from 1 to 256\n"},
      {{"run", "e.toml", "-j", "two"}, 2, "tessera: command line: run.jobs: found \"two\", expected integer from 1 to 256\n"},
      {{"ls", "--last", "few"}, 2, "tessera: tessera ls: --last: found 'few', expected an integer\n"},
      {{"run", "e.toml", "prior.width=99999999999999999999"},
       2,
       "tessera: command line: prior.width: found 99999999999999999999, expected an integer of 64 bits\n"},
      {{"plugins", "describe", "gpt"},
       2,
       "tessera: found no plugin 'gpt', expected one that `tessera plugins` lists; did you mean \"prior/gpt\"?\n"},
      {{"plugins", "lst"}, 2, "tessera: tessera plugins: found 'lst', expected list, describe, new or check; did you mean \"list\"?\n"},
      {{"plugins", "describe", "prior/gtp"},
       2,
       "tessera: found no plugin 'prior/gtp', expected one that `tessera plugins` lists; did you mean \"prior/gpt\"?\n"},
      {{"plugins", "new", "prio", "x"},
       2,
       "tessera: found kind 'prio', expected one of encoder, quantizer, prior, sampling; did you mean \"prior\"?\n"},
      {{"plugins", "new", "prior", "My-Idea"}, 2, "tessera: found id 'My-Idea', expected lower-case words joined by _, such as my_idea\n"},
      {{"plugins", "--plugin-path", "/no/such"}, 2, "tessera: --plugin-path: found /no/such, which is not there, expected a folder\n"},
      {{"show", "e/a/0", "--plugin-path", "/dev/null"}, 2, "tessera: --plugin-path: found /dev/null, which is none, expected a folder\n"},
      {{"plan", "e.toml", "prior.widht=3"},
       2,
       "tessera: e.toml: 2 problems\n"
       "command line: prior.widht: found an unknown key, expected an option of prior plugin 'gpt'; did you mean \"prior.width\"?\n"
       "command line: prior.widht: found an unknown key, expected an option of prior plugin 'maskgit'; did you mean \"prior.width\"?\n"},
      {{"run", "e.toml", "prior.heads=5"},
       2,
       "tessera: e.toml: 1 problem\ncommand line: prior.heads: found 5, expected a divisor of the width 128\n"},
  };
  for (const auto& row : table) {
    const auto answer = call(row.words);
    EXPECT_EQ(answer.status.code, row.code) << row.text;
    EXPECT_EQ(answer.err, row.text);
  }
  EXPECT_FALSE(fs::exists(home() / "results")) << "nothing was begun";
}

TEST_F(Cli, WhatCannotBeWrittenIsAFailureUnlessNobodyReads) {
  const auto shell = [&](const std::string& line) {
    auto child_options = options({});
    child_options.argv = {"/bin/bash", "-c", fmt::format("cd {} && {}", home().string(), line)};
    Child child(child_options);
    const auto status = child.wait(Clock::now() + std::chrono::seconds(60)).value();
    return std::pair(status.code, child.drain_err());
  };
  std::vector<int> layers(40);
  std::iota(layers.begin(), layers.end(), 1);
  EXPECT_EQ(shell("bin/tessera --help > /dev/full"), std::pair(1, std::string("tessera: standard output: No space left on device\n")));
  const auto large = fmt::format("bin/tessera plan e.toml grid.prior.layers='[{}]' --json > /dev/full", fmt::join(layers, ","));
  EXPECT_EQ(shell(large), std::pair(1, std::string("tessera: standard output: No space left on device\n"))) << "said once";
  // What is printed into nothing goes into no file that is opened later.
  EXPECT_EQ(shell("bin/tessera run e.toml --results closed >&- 2>&- <&-").first, 0);
  EXPECT_EQ(shell("bin/tessera db check --results closed > said; cat said >&2").second.find("behind"), std::string::npos);
  EXPECT_EQ(shell("cat closed/fronts/*.jsonl | grep -v '^{' >&2; true").second, "");
  const auto [code, err] = shell("set -o pipefail; bin/tessera plan e.toml --json | true");
  EXPECT_EQ(err, "");
}

TEST_F(Cli, PlanWritesNothingButCaches) {
  const auto plan = call({"plan", "e.toml"});
  EXPECT_EQ(plan.status.code, 0) << plan.err;
  EXPECT_EQ(plan.out.substr(0, plan.out.find('\n')), "e.toml: 3 cells x 1 seed = 3 trials, 15 stages: 15 to run, 0 reused");
  EXPECT_FALSE(fs::exists(home() / "results"));
  const auto json = parse_json(call({"plan", "e.toml", "--json"}).out, "plan");
  EXPECT_EQ(json.at("stages").size(), 15U);
  EXPECT_EQ(json.at("cells").at(1).at("label"), "masked");
}

TEST_F(Cli, PluginsAreListedAndDescribed) {
  folder_.write("mine/odd.so", "");
  const auto list = call({"plugins", "--plugin-path", "mine"});
  EXPECT_EQ(list.status.code, 0) << list.err;
  EXPECT_TRUE(std::regex_search(list.out, std::regex("prior/gpt +1\\.0 +Fake gpt +.*/plugins/priors/gpt\\.so\n"))) << list.out;
  EXPECT_NE(list.out.find("odd.so: it is no fake plugin\n"), std::string::npos) << list.out;
  const auto text = call({"plugins", "describe", "sampling/halton"}).out;
  EXPECT_NE(text.find("  steps = 12\n      A int.\n      integer from 1 to 64; inference\n"), std::string::npos) << text;
}

TEST_F(Cli, ScaffoldIsWrittenOnce) {
  EXPECT_EQ(call({"plugins", "new", "quantizer", "my_idea"}).status.code, 0);
  const auto text = read_file(home() / "my_idea" / "my_idea.cpp");
  EXPECT_NE(text.find("TESSERA_EXPORT(Quantizer, MyIdeaQuantizer, \"my_idea\""), std::string::npos);
  EXPECT_EQ(text.find('@'), std::string::npos);
  EXPECT_EQ(call({"plugins", "new", "quantizer", "my_idea"}).status.code, 2);
  const auto taken = call({"plugins", "new", "prior", "gpt"});
  EXPECT_EQ(taken.status.code, 2);
  EXPECT_NE(taken.err.find("found id 'gpt', expected another: "), std::string::npos) << taken.err;
}

TEST_F(Cli, RunTellsStagesAndReusesThem) {
  const auto first = call({"run", "e.toml", "--json"});
  EXPECT_EQ(first.status.code, 0) << first.err;
  const auto json = parse_json(first.out, "run");
  EXPECT_EQ(json.at("exit"), 0);
  EXPECT_EQ(json.at("stages").size(), 15U);
  for (const auto& stage : json.at("stages")) EXPECT_EQ(stage.at("outcome"), "done");
  EXPECT_NE(first.err.find("] data: done in "), std::string::npos) << "progress goes to stderr beside JSON";
  const auto again = parse_json(call({"run", "e.toml", "--json"}).out, "run");
  for (const auto& stage : again.at("stages")) EXPECT_EQ(stage.at("outcome"), "reused");
  EXPECT_TRUE(fs::exists(home() / "results" / "tessera.db"));
  EXPECT_EQ(std::distance(fs::directory_iterator(home() / "results" / "fronts"), fs::directory_iterator()), 2);
  EXPECT_EQ(call({"db", "check"}).status.code, 0);
}

TEST_F(Cli, AFailedRunSaysWhyAndHowToGoOn) {
  const auto run = call({"run", "e.toml", "tokenizer.encoder.behaviour=fail"});
  EXPECT_EQ(run.status.code, 1);
  EXPECT_NE(run.out.find("tokenizer: FAILED: the loss is NaN at step 1\n  log: results/stages/tokenizer-"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("e: 1 of 15 stages done, 1 failed, 13 skipped, 0 left. Run again to go on:\n"
                         "  bin/tessera run e.toml tokenizer.encoder.behaviour=fail\n"),
            std::string::npos)
      << run.out;
}

TEST_F(Cli, InterruptedRunsAreResumable) {
  Child child(options({"run", "e.toml", "prior.behaviour=endless"}));
  std::string line;
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (child.read_line(line, deadline) == Child::Read::line && line.find("prior (") == std::string::npos) {
  }
  child.kill(SIGTERM);
  EXPECT_EQ(child.wait(deadline)->code, 75);
}

TEST_F(Cli, AStaleStageIsRefused) {
  ASSERT_EQ(call({"run", "e.toml", "--json"}).status.code, 0);
  for (const auto& entry : fs::directory_iterator(home() / "results" / "stages")) {
    if (entry.path().filename().string().rfind("tokenizer-", 0) != 0) continue;
    auto stage = parse_json(read_file(entry.path() / "stage.json"), "stage.json");
    stage["outputs"]["result.txt"]["sha256"] = std::string(64, '0');
    write_file_atomically(entry.path() / "stage.json", stage.dump());
  }
  EXPECT_NE(call({"plan", "e.toml"}).out.find("stale: its tokenizer changed"), std::string::npos);
  const auto run = call({"run", "e.toml"});
  EXPECT_EQ(run.status.code, 1);
  EXPECT_EQ(run.err.rfind(
                "tessera: tokens is stale: its tokenizer has been computed anew, with another result; remove results/stages/tokens-", 0),
            0U)
      << run.err;
}

TEST_F(Cli, SampleAddsATrialAndTrainsNothing) {
  ASSERT_EQ(call({"run", "e.toml", "--json"}).status.code, 0);
  const auto run = call({"sample", "e/masked/0", "sampling.steps=3", "--json"});
  ASSERT_EQ(run.status.code, 0) << run.err;
  const auto report = parse_json(run.out, "run");
  for (const auto& stage : report.at("stages")) {
    const auto kind = stage.at("kind").get<std::string>();
    const bool own = kind == "samples" || (kind == "evaluation" && stage.at("title") == "evaluation of samples free");
    EXPECT_EQ(stage.at("outcome"), own ? "done" : "reused") << stage.at("title");
  }
  EXPECT_EQ(call({"sample", "e/masked/0", "prior.layers=3"}).err,
            "tessera: command line: found 'prior.layers=3', expected sampling.key=value: the trial's other stages stay as they are\n");
  EXPECT_EQ(call({"sample", "e/nobody/0"}).err,
            "tessera: found no trial 'e/nobody/0', expected one that `tessera ls` lists, such as quickstart/causal/0\n");
  const auto second = call({"sample", "e/masked/0", "sampling.steps=4", "--json"});
  EXPECT_EQ(second.status.code, 0);
  const auto cells = call({"query", "SELECT cell FROM v_cell WHERE experiment = 'adhoc' AND current ORDER BY cell"});
  EXPECT_NE(cells.out.find("sampling.steps=3"), std::string::npos) << "the second call retired nothing";
}

TEST_F(Cli, DoctorFindsAMissingHost) {
  auto child = options({"doctor"});
  child.environment["TESSERA_HOST"] = "/no/such/host";
  Child doctor(child);
  std::string text;
  for (std::string line; doctor.read_line(line, Clock::now() + std::chrono::seconds(60)) == Child::Read::line;) text += line + "\n";
  EXPECT_EQ(doctor.wait(Clock::time_point::max())->code, 1);
  EXPECT_NE(text.find("WRONG host       found no /no/such/host, expected the program tessera-host beside tessera; build it, or name it by "
                      "TESSERA_HOST\n"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace tessera
