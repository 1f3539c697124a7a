// What `rm` and `cache gc` take away, and what a run brings back, over the fake host.
#include <map>
#include <regex>

#include "cli_fixture.hpp"

namespace tessera {
namespace {

// Removed trials come back with the next run of their file; what a new stage reads and gc took away is computed again.
TEST_F(Cli, WhatRmAndGcTookAwayComesBackWhenItIsNeeded) {
  folder_.write("e.toml", kThreeArms.substr(0, kThreeArms.find("[arm.masked]")));
  ASSERT_EQ(call({"run", "e.toml"}).status.code, 0);
  EXPECT_EQ(call({"rm", "e", "--yes"}).status.code, 0);
  EXPECT_GT(parse_json(call({"cache", "gc", "--yes", "--json"}).out, "gc").at("files"), 0);
  EXPECT_EQ(parse_json(call({"ls", "e", "--json"}).out, "ls").size(), 0U);
  const auto outcomes = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"run", "e.toml", "--json"});
    const auto run = call(words);
    EXPECT_EQ(run.status.code, 0) << run.err;
    std::map<std::string, std::map<std::string, int>> count;  // kind → outcome
    const auto json = parse_json(run.out, "run");
    for (const auto& stage : json.at("stages")) ++count[stage.at("kind")][stage.at("outcome")];
    return count;
  };
  auto again = outcomes({});
  for (const auto& [kind, count] : again) EXPECT_EQ(count.count("done"), 0U) << kind << ": nothing is computed for numbers that are there";
  EXPECT_EQ(parse_json(call({"ls", "e", "--json"}).out, "ls").size(), 1U);
  again = outcomes({"prior.layers=3"});
  for (const char* kind : {"tokenizer", "tokens", "prior"}) EXPECT_GT(again[kind]["done"], 0) << kind << ": read by what is new";
  EXPECT_EQ(again["tokenizer"]["done"], 1);
  EXPECT_EQ(call({"db", "check"}).status.code, 0);
}

// What changed stands in the answer, with both values, and nothing else.
TEST_F(Cli, CacheWhyNamesTheDifferingParts) {
  folder_.write("e.toml", kThreeArms.substr(0, kThreeArms.find("[arm.masked]")));
  ASSERT_EQ(call({"run", "e.toml"}).status.code, 0);
  EXPECT_EQ(call({"cache", "why", "e.toml"}).out, "9 of 9 stages reused: stage.json of their key is there\n");
  const auto lines = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"cache", "why"});
    const auto answer = call(words);
    EXPECT_EQ(answer.status.code, 0) << answer.err;
    return std::regex_replace(answer.out, std::regex("[0-9a-f]{32}"), "KEY");
  };
  const std::string of_prior =
      "prior (causal): to run\n  against the nearest that is there, prior-KEY:\n    prior.layers: 4 -> 3\n"
      "samples free (causal): to run, for its input prior\n";
  EXPECT_EQ(lines({"e.toml", "prior.layers=3"}).substr(0, of_prior.size()), of_prior);
  EXPECT_NE(lines({"e/causal/0", "prior.layers=3"}).find("    prior.layers: 4 -> 3\n"), std::string::npos)
      << "a trial's own options, changed";
  EXPECT_NE(lines({"e.toml", "seeds=[1]"}).find("    seed: 0 -> 1\n"), std::string::npos);
  const auto plugin = parse_json(call({"cache", "why", "e.toml", "prior.plugin=maskgit", "sampling.plugin=halton", "--json"}).out, "why");
  std::vector<std::string> what;
  for (const auto& stage : plugin)
    if (stage.at("title").get<std::string>().rfind("prior", 0) == 0)
      for (const auto& one : stage.at("differences")) what.push_back(one.at("what"));
  EXPECT_EQ(what, std::vector<std::string>{"plugin prior"}) << "another plugin's revision is no difference of its own";
  ASSERT_EQ(call({"run", "e.toml", "prior.plugin=maskgit", "sampling.plugin=halton", "prior.layers=3", "prior.heads=2"}).status.code, 0);
  EXPECT_NE(lines({"e.toml", "prior.layers=3", "prior.heads=2"}).find("    prior.heads: 4 -> 2\n    prior.layers: 4 -> 3\n"),
            std::string::npos)
      << "nearer than another plugin with the same options";
  EXPECT_EQ(
      call({"cache", "why", "e/causl/0"}).err,
      "tessera: cache why: found 'e/causl/0', expected a trial (experiment/cell/seed) or a stage's key (four digits at least); did you "
      "mean \"e/causal/0\"?\n");
}

}  // namespace
}  // namespace tessera
