// What `rm` and `cache gc` take away, and what a run brings back, over the fake host.
#include <map>

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

}  // namespace
}  // namespace tessera
