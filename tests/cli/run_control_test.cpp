// Runs seen and steered from another terminal: status, watch, stop, retry, more seeds, pruning, over the fake host.
#include <fcntl.h>
#include <sys/file.h>
#include <regex>

#include "cli_fixture.hpp"
#include "core/files.hpp"
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
  EXPECT_EQ(call({"stop", "e.toml"}).out, "Nothing runs of e.\n");
  for (const char* verb : {"status", "stop"}) {
    const auto none = call({verb, "--results", "typo"});
    EXPECT_EQ(none.err, "tessera: typo: no such results folder\n") << verb;
    EXPECT_EQ(none.status.code, 4) << verb;
  }
  const auto file = call({"plan", "e.toml", "--results", "e.toml"});
  EXPECT_EQ(file.err, "tessera: --results: found e.toml, which is no folder, expected one\n");
  EXPECT_EQ(file.status.code, 2);
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
  for (const char* verb : {"status", "watch", "stop"}) {
    const auto other = call({verb, "other"});
    EXPECT_EQ(other.err, "tessera: experiment 'other' is not in the ledger, which has e\n") << verb;
    EXPECT_EQ(other.status.code, 2) << verb;
  }

  const auto stopped = call({"stop", "e"});
  EXPECT_EQ(stopped.status.code, 0) << stopped.err;
  EXPECT_TRUE(std::regex_match(stopped.out, std::regex("Stopped e \\(process [0-9]+ on .*\\)\\. `tessera retry e` goes on\\.\n")))
      << stopped.out;
  EXPECT_EQ(run.wait(Clock::now() + std::chrono::seconds(20))->code, 75);
  EXPECT_EQ(call({"status"}).out, "Nothing runs. `tessera ls` shows what there is.\n");
  EXPECT_EQ(call({"watch"}).out, "Nothing runs. `tessera ls` shows what there is.\n") << "watch ends when nothing runs";
  EXPECT_NE(call({"ls", "e"}).out.find("interrupted"), std::string::npos);
}

// Ctrl-Z in its terminal: it hears the signal once it goes on. Two signals that wait would be one.
TEST_F(RunControl, StopReachesASuspendedFront) {
  auto run = start({"run", "e.toml", "prior.behaviour=deaf"}, "prior (");
  ::kill(run.pid(), SIGSTOP);
  const auto stopped = call({"stop", "--now", "--wait", "20"});
  EXPECT_EQ(stopped.status.code, 0) << stopped.err;
  EXPECT_EQ(run.wait(Clock::now() + std::chrono::seconds(5))->code, 75);
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

// What the terminal said of a host that could not say it itself can be asked for afterwards, and retried.
TEST_F(RunControl, WhatTheFrontSawFailIsFailedInTheLedger) {
  const auto run = call({"run", "e.toml", "run.time_limit=0.3", "run.retries=1", "arm.causal.prior.behaviour=endless",
                         "arm.masked.prior.behaviour=crash", "~arm.halton"});
  EXPECT_EQ(run.status.code, 1);
  EXPECT_NE(run.out.find("attempt 1 FAILED: it took longer than run.time_limit, 0.3 seconds"), std::string::npos) << run.out;
  const auto check = [&] {
    const auto trials = parse_json(call({"query", "SELECT DISTINCT state FROM v_trial", "--json"}).out, "query");
    EXPECT_EQ(trials, Json::parse(R"([{"state": "failed"}])"));
    const auto failed =
        parse_json(call({"query", "SELECT error, count(*) AS n FROM run WHERE state = 'failed' GROUP BY 1", "--json"}).out, "");
    ASSERT_EQ(failed.size(), 2U) << failed;
    EXPECT_EQ(failed[0],
              Json::parse(R"({"error": "it took longer than run.time_limit, 0.3 seconds; the next attempt goes on from its checkpoint",
                                         "n": 2})"));
    EXPECT_EQ(failed[1], Json::parse(R"j({"error": "its host was killed by signal 6 (Aborted) (plugins conv, vq, maskgit)", "n": 2})j"));
    EXPECT_NE(call({"ls", "e", "state=failed"}).out.find("causal"), std::string::npos);
    EXPECT_NE(call({"query", "@failed"}).out.find("run.time_limit"), std::string::npos);
  };
  check();
  const auto digest = call({"db", "digest"}).out;
  EXPECT_EQ(call({"db", "rebuild"}).status.code, 0);
  EXPECT_EQ(call({"db", "digest"}).out, digest);
  check();
  const auto again = parse_json(call({"retry", "e", "--failed", "--json"}).out, "retry");
  size_t failed = 0;
  for (const auto& stage : again.at("stages")) failed += stage.at("outcome") == "failed";
  EXPECT_EQ(failed, 2U);
}

// The numbers of an earlier run are not those of this one.
TEST_F(RunControl, WhatIsNotRecordedIsNotShown) {
  ASSERT_EQ(call({"run", "e.toml"}).status.code, 0);
  const Descriptor other(::open((folder_.path() / "results/.record.lock").c_str(), O_RDWR));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto run = call({"run", "e.toml", "prior.train.steps=3"});
  EXPECT_EQ(run.status.code, 4);
  EXPECT_EQ(run.out.find("trials done"), std::string::npos) << run.out;
  EXPECT_NE(run.err.find("another program has been recording for 5 s: waiting for up to 25 s more\n"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find(
                "e: what has run stands in its journals and is not in the ledger yet: another program has been recording for 25 s; then `"),
            std::string::npos)
      << run.err;
}

// The folder of the former run's plugins may have gone where another one is named.
TEST_F(RunControl, RetryTakesAnotherPluginPath) {
  std::filesystem::create_directory(folder_.path() / "before");
  ASSERT_EQ(call({"run", "e.toml", "--plugin-path", "before"}).status.code, 0);
  std::filesystem::rename(folder_.path() / "before", folder_.path() / "after");
  EXPECT_EQ(call({"retry", "e"}).status.code, 2);
  EXPECT_EQ(call({"retry", "e", "--plugin-path", "after"}).status.code, 0);
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
  std::filesystem::remove_all(folder_.path() / "results" / "stages");  // so that no failure is on record
  ASSERT_EQ(call({"db", "rebuild"}).status.code, 0);
  const auto nothing = call({"retry", "e", "--failed"}).out;
  EXPECT_EQ(nothing.rfind("e: no stage of this plan failed at its last attempt; ", 0), 0U) << nothing;
  EXPECT_NE(nothing.find(" stages are not finished (interrupted, or new): leave out --failed to go on\n"), std::string::npos) << nothing;
}

TEST_F(RunControl, MoreSeedsAddOnlyWhatIsNew) {
  EXPECT_EQ(call({"run", "e.toml", "--seeds", "2", "--json"}).status.code, 0);
  const auto plan = parse_json(call({"plan", "e.toml", "--seeds", "3", "--json"}).out, "plan");
  size_t to_run = 0;
  for (const auto& stage : plan.at("stages")) to_run += stage.at("state") == "to run";
  EXPECT_EQ(plan.at("trials").size(), 9U);
  EXPECT_EQ(to_run, 14U) << "one seed of everything but the data, which has none";
  double seconds = 0;
  for (const auto& stage : plan.at("stages")) seconds += stage.contains("cost") ? stage.at("cost").at("seconds").get<double>() : 0;
  EXPECT_NEAR(plan.at("cost").at("seconds").get<double>(), seconds, 1e-9 * seconds);
  EXPECT_EQ(plan.at("cost").at("stages_known"), 14);
  EXPECT_EQ(call({"retry", "e", "--failed"}).out, "e: no stage of this plan failed at its last attempt\n");
  const auto none = parse_json(call({"retry", "e", "--failed", "--json"}).out, "retry");
  for (const auto& stage : none.at("stages")) EXPECT_EQ(stage.at("outcome"), "reused");
  EXPECT_EQ(call({"plan", "e.toml", "--seeds", "3", "seeds=2"}).err,
            "tessera: command line: found --seeds 3 and seeds=2, expected one of them\n");
  EXPECT_EQ(call({"plan", "e.toml", "-j", "3", "run.jobs=2"}).err,
            "tessera: command line: found --jobs 3 and run.jobs=2, expected one of them\n");
  EXPECT_EQ(call({"retry", "e", "--seeds", "3", "--json"}).status.code, 0) << "after a run with --seeds 2";
  EXPECT_EQ(call({"retry", "e"}).status.code, 0) << "whose words are those of a run with --seeds 2 and seeds=3";
  // A shorter list is no shorter memory: the seeds of the file come first again.
  folder_.write("l.toml", "seeds = [0, 2, 5]\n" + kThreeArms);
  ASSERT_EQ(call({"run", "l.toml", "--json"}).status.code, 0);
  for (const char* seeds : {"5", "2", "4"}) ASSERT_EQ(call({"retry", "l", "--seeds", seeds, "--json"}).status.code, 0);
  std::set<int64_t> listed;
  for (const auto& trial : parse_json(call({"ls", "l", "--json"}).out, "ls")) listed.insert(trial.at("seed").get<int64_t>());
  EXPECT_EQ(listed, (std::set<int64_t>{0, 1, 2, 5}));
  // Another file of the same name.
  std::filesystem::create_directory(folder_.path() / "other");
  folder_.write("other/l.toml", kThreeArms);
  EXPECT_NE(call({"plan", "other/l.toml"}).err.find("l.toml: a run of other/l.toml takes its place"), std::string::npos);
  EXPECT_EQ(call({"plan", "l.toml"}).err, "");
  EXPECT_EQ(parse_json(call({"ls", "e", "--json"}).out, "ls").size(), 9U);
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

// A rule that could stop nothing is no rule.
TEST_F(RunControl, APruningThatCannotHappenIsSaid) {
  folder_.write("p.toml", kThreeArms.substr(0, kThreeArms.find("baseline")) +
                              "prior.behaviour = \"curve\"\n[grid]\nprior.train.lr = [0.001, 0.002]\n[run]\nprune = \"median\"\n");
  const auto misspelt = call({"run", "p.toml", "run.prune_metric=validation_los"});
  EXPECT_EQ(misspelt.status.code, 0);
  const std::string warning =
      "WARNING: run.prune_metric: found \"validation_los\", expected a scalar that a prior training reports: loss, validation_loss; did "
      "you "
      "mean \"validation_loss\"?; nothing is pruned\n";
  const auto at = misspelt.out.find(warning);
  ASSERT_NE(at, std::string::npos) << misspelt.out;
  EXPECT_EQ(misspelt.out.find("WARNING", at + 1), std::string::npos) << "once";
  EXPECT_EQ(call({"run", "p.toml", "seeds=2"}).out.find("WARNING"), std::string::npos);
  const auto never = call({"plan", "p.toml", "prior.train.validate_every=0"});
  EXPECT_EQ(never.status.code, 2);
  EXPECT_NE(never.err.find("command line: prior.train.validate_every: found 0, expected at least 1: run.prune compares validation_loss, "
                           "which would be measured at the end only\n"),
            std::string::npos)
      << never.err;
}

TEST_F(RunControl, HelpTellsHowStagesAreRun) {
  const auto help = call({"run", "--help"}).out;
  for (const char* key : {"\n  on_error ", "\n  retries ", "\n  time_limit ", "\n  memory_limit ", "\n  prune "})
    EXPECT_NE(help.find(key), std::string::npos) << help;
}

}  // namespace
}  // namespace tessera
