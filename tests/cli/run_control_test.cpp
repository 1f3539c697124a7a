// Runs seen and steered from another terminal: status, watch, stop, retry, more seeds, pruning, over the fake host.
#include <regex>

#include "cli_fixture.hpp"
#include "core/journal.hpp"

namespace tessera {
namespace {

class RunControl : public Cli {
 protected:
  // Starts a run and waits until a line of it contains `text`.
  Child start(const std::vector<std::string>& words, const std::string& text) const {
    Child child(options(words));
    std::string line;
    while (child.read_line(line, Clock::now() + std::chrono::seconds(60)) == Child::Read::line && line.find(text) == std::string::npos) {
    }
    return child;
  }
};

TEST_F(RunControl, StatusShowsWhatRunsAndStopEndsIt) {
  EXPECT_EQ(call({"run", "e.toml", "--json"}).status.code, 0);
  EXPECT_EQ(call({"status"}).out, "Nothing runs. `tessera ls` shows what there is.\n");
  EXPECT_EQ(call({"stop"}).out, "Nothing runs.\n");
  auto run = start({"run", "e.toml", "arm.causal.prior.behaviour=endless"}, "prior (causal)");
  auto json = parse_json(call({"status", "--json"}).out, "status");
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while ((json.at("fronts").empty() || json["fronts"][0]["status"].is_null() || json["fronts"][0]["status"]["stages"].empty()) &&
         Clock::now() < deadline)
    json = parse_json(call({"status", "--json"}).out, "status");
  ASSERT_EQ(json.at("fronts").size(), 1U);
  const auto& stage = json["fronts"][0]["status"]["stages"].at(0);
  EXPECT_EQ(stage.at("name"), "prior (causal)");
  EXPECT_EQ(stage.at("step"), 1);
  EXPECT_EQ(stage.at("steps"), 2);
  EXPECT_TRUE(json.at("hosts").empty()) << "the front speaks of its own host";
  const auto text = call({"status", "e"}).out;
  EXPECT_TRUE(std::regex_search(
      text, std::regex("^e: .* stages over.*process [0-9]+ on .*\n  slot  stage .*\n +0  prior \\(causal\\)   1/2 +50 .* loss 0.5\n")))
      << text;
  EXPECT_EQ(call({"status", "other"}).out, "Nothing runs. `tessera ls` shows what there is.\n");

  const auto stopped = call({"stop", "e"});
  EXPECT_EQ(stopped.status.code, 0) << stopped.err;
  EXPECT_TRUE(std::regex_match(stopped.out, std::regex("Stopped e \\(process [0-9]+ on .*\\)\\. `tessera retry e` goes on\\.\n")))
      << stopped.out;
  EXPECT_EQ(run.wait(Clock::now() + std::chrono::seconds(20))->code, 75);
  EXPECT_EQ(call({"status"}).out, "Nothing runs. `tessera ls` shows what there is.\n");
  EXPECT_EQ(call({"watch"}).out, "Nothing runs. `tessera ls` shows what there is.\n") << "watch ends when nothing runs";
  EXPECT_NE(call({"ls", "e"}).out.find("interrupted"), std::string::npos);
}

// A front that was killed is no front: its lock tells, whatever became of its process id.
TEST_F(RunControl, AKilledFrontDoesNotRunForEver) {
  auto run = start({"run", "e.toml", "prior.behaviour=endless"}, "prior (");
  run.kill(SIGKILL);
  run.wait(Clock::now() + std::chrono::seconds(20));
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  std::string text;
  while ((text = call({"status"}).out).rfind("Nothing runs", 0) != 0 && Clock::now() < deadline) {
  }
  EXPECT_EQ(text, "Nothing runs. `tessera ls` shows what there is.\n");
  const auto states = call({"query", "SELECT state FROM run UNION SELECT state FROM front"}).out;
  EXPECT_EQ(states.find("running"), std::string::npos) << states;
}

TEST_F(RunControl, RetryFailedRunsWhatFailedAndNoMore) {
  EXPECT_EQ(call({"run", "e.toml", "arm.causal.prior.behaviour=fail", "--json"}).status.code, 1);
  const auto runs = [&](const std::string& kind) {
    return call(
               {"query", fmt::format("SELECT count(*) AS n FROM run r JOIN stage s ON s.id = r.stage WHERE s.kind = '{}'", kind), "--json"})
        .out;
  };
  const auto others = runs("samples");
  const auto again = parse_json(call({"retry", "e", "--failed", "--json"}).out, "retry");
  size_t failed = 0;
  for (const auto& stage : again.at("stages")) failed += stage.at("outcome") == "failed";
  EXPECT_EQ(failed, 1U);
  EXPECT_EQ(runs("prior"), "[\n  {\n    \"n\": 3\n  }\n]\n") << "two at first, the failed one once more";
  EXPECT_EQ(runs("samples"), others);
  EXPECT_EQ(call({"retry", "nothing"}).err, "tessera: experiment 'nothing' is not in the ledger, which has e\n");
}

// What was only interrupted is left for `retry` without --failed.
TEST_F(RunControl, RetryFailedLeavesWhatWasInterrupted) {
  auto run = start({"run", "e.toml", "-j", "2", "arm.causal.prior.behaviour=endless", "arm.masked.prior.behaviour=fail",
                    "arm.halton.prior.behaviour=fail"},
                   "FAILED");
  EXPECT_EQ(call({"stop"}).status.code, 0);
  EXPECT_EQ(run.wait(Clock::now() + std::chrono::seconds(20))->code, 1);
  const auto again = parse_json(call({"retry", "e", "--failed", "--json"}).out, "retry");
  size_t left = 0, failed = 0;
  for (const auto& stage : again.at("stages")) {
    left += stage.at("outcome") == "not asked for" && stage.at("kind") == "prior";
    failed += stage.at("outcome") == "failed";
  }
  EXPECT_EQ(left, 1U);
  EXPECT_EQ(failed, 1U);
}

TEST_F(RunControl, MoreSeedsAddOnlyWhatIsNew) {
  EXPECT_EQ(call({"run", "e.toml", "--seeds", "2", "--json"}).status.code, 0);
  const auto plan = parse_json(call({"plan", "e.toml", "--seeds", "3", "--json"}).out, "plan");
  size_t to_run = 0;
  for (const auto& stage : plan.at("stages")) to_run += stage.at("state") == "to run";
  EXPECT_EQ(plan.at("trials").size(), 9U);
  EXPECT_EQ(to_run, 14U) << "one seed of everything but the data, which has none";
  EXPECT_NE(call({"plan", "e.toml", "--seeds", "none"}).err.find("command line: seeds: found \"none\""), std::string::npos);
}

// Censored, not failed: the run ends well, the trial says it, and a plan without pruning takes the training up again.
TEST_F(RunControl, PrunedTrialsAreSaidAndStaySo) {
  folder_.write("p.toml", kThreeArms.substr(0, kThreeArms.find("baseline")) +
                              "prior.behaviour = \"curve\"\n[grid]\nprior.train.lr = [0.001, 0.002, 0.003, 0.9]\n[run]\nprune = "
                              "\"median\"\nprune_startup = 2\n");
  const auto run = call({"run", "p.toml", "--json"});
  ASSERT_EQ(run.status.code, 0) << run.err;
  EXPECT_NE(run.err.find("prior (prior.train.lr=0.9): pruned, its best validation_loss up to step"), std::string::npos) << run.err;
  EXPECT_NE(call({"ls", "p"}).out.find("pruned"), std::string::npos);
  const auto again = parse_json(call({"run", "p.toml", "--json"}).out, "run");
  for (const auto& stage : again.at("stages")) EXPECT_TRUE(stage.at("outcome") == "reused" || stage.at("outcome") == "pruned") << stage;
  const auto whole = parse_json(call({"run", "p.toml", "run.prune=none", "--json"}).out, "run");
  for (const auto& stage : whole.at("stages")) EXPECT_TRUE(stage.at("outcome") == "reused" || stage.at("outcome") == "done") << stage;
  EXPECT_EQ(call({"ls", "p"}).out.find("pruned"), std::string::npos);
}

TEST_F(RunControl, HelpTellsHowStagesAreRun) {
  const auto help = call({"run", "--help"}).out;
  for (const char* key : {"\n  on_error ", "\n  retries ", "\n  time_limit ", "\n  memory_limit ", "\n  prune "})
    EXPECT_NE(help.find(key), std::string::npos) << help;
}

}  // namespace
}  // namespace tessera
