// What fronts say (cells, trials, verdicts, removals, marks), recorded in any order: rows, digest and the independent script agree.
#include "ledger_fixture.hpp"

namespace tessera {
namespace {

// What the front saw of its hosts, recorded before their journals or after: a run that did not say how it ended is failed, with the
// front's reason; one that did say it is what it said.
TEST(FrontRows, AFrontsVerdictIsRecordedInEitherOrder) {
  const auto front = [](FakeResults& results) {
    auto journal = results.front("front", 100);
    const auto judge = [&](const char* stage, const Json& run, const char* error, double time) {
      journal.write({{"t", "verdict"}, {"stage", stage}, {"run", run}, {"error", error}, {"time", time}});
    };
    judge("late", "run-late-1", "it took longer than run.time_limit", 101);
    judge("crash", "run-crash-1", "its host was killed by signal 6", 102);
    judge("broke", "run-broke-1", "not what it said itself", 103);
    judge("done", "run-done-1", "its host was killed by signal 11", 104);
    judge("mended", "run-mended-1", "its host was killed by signal 9", 105);
    judge("never", nullptr, "its host exited with code 127", 106);
    judge("never", nullptr, "cannot start the host", 107);
    journal.end();
  };
  const auto runs = [](FakeResults& results) {
    results.run("prior", "late", 1, 0).end("interrupted");
    results.run("prior", "crash", 1, 0);
    results.run("prior", "broke", 1, 0).end("failed");
    for (const char* key : {"done", "mended"}) {
      auto first = results.run("prior", key, 1, 0);
      auto last = std::string(key) == "done" ? first : results.run("prior", key, 2, 0);
      results.publish(last, "prior", key, std::string(key) == "done" ? 1 : 2);
      last.end();
    }
  };
  for (const bool front_first : {true, false}) {
    FakeResults results("verdicts");
    const auto check = [&] {
      EXPECT_EQ(text(results,
                     "SELECT group_concat(s.key || r.n || ' ' || r.state || ': ' || ifnull(r.error, ''), char(10)) FROM (SELECT * FROM "
                     "stage ORDER BY key) s JOIN run r ON r.stage = s.id"),
                "broke1 failed: it broke\ncrash1 failed: its host was killed by signal 6\ndone1 done: \nlate1 failed: it took longer than "
                "run.time_limit\nmended1 failed: its host was killed by signal 9\nmended2 done: \nnever0 failed: cannot start the host");
      EXPECT_EQ(text(results, "SELECT group_concat(stage || ' ' || state) FROM (SELECT * FROM v_stage ORDER BY stage)"),
                "broke failed,crash failed,done done,late failed,mended done,never failed");
      EXPECT_EQ(expected_rows(results), "") << front_first;
    };
    front_first ? front(results) : runs(results);
    record(results.folder());
    front_first ? runs(results) : front(results);
    record(results.folder());
    check();
    const auto digest = digest_after_record(results);
    {  // the mutant: a recorder that believes the host's last word alone
      auto database = open_for_recording(ledger_file(results.folder()));
      database.exec("UPDATE run SET state = 'interrupted', error = NULL WHERE state = 'failed' AND error LIKE '%time_limit'");
    }
    EXPECT_NE(expected_rows(results), "");
    rebuild(results.folder());
    check();
    EXPECT_EQ(digest_after_record(results), digest);
  }
}

TEST(FrontRows, NewestFrontIsCurrentWhateverTheOrder) {
  FakeResults results("fronts");
  auto newer = results.front("a-newer", 200);
  FakeResults::declare(newer, "quick", {"causal"});
  FakeResults::trial(newer, "quick", "causal", 0, {{"prior", "new"}});
  record(results.folder());
  auto older = results.front("b-older", 100);
  FakeResults::declare(older, "quick", {"causal", "gone"}, "old.toml:1:1");
  FakeResults::trial(older, "quick", "causal", 0, {{"prior", "old"}});
  auto adds = results.front("c-adds", 300);
  adds.write({{"t", "experiment"}, {"name", "adhoc"}, {"adds", true}});
  adds.write(
      {{"t", "cell"}, {"experiment", "adhoc"}, {"hash", "h-x"}, {"label", "x"}, {"axes", Json::object()}, {"options", Json::array()}});
  record(results.folder());
  EXPECT_EQ(expected_rows(results), "");
  EXPECT_EQ(text(results, "SELECT group_concat(cell || current) FROM (SELECT * FROM v_cell ORDER BY experiment, cell)"),
            "x1,causal1,gone0");
  EXPECT_EQ(text(results, "SELECT origin FROM option o JOIN v_cell c ON c.id = o.cell WHERE c.cell = 'causal' AND key = 'prior.width'"),
            "q.toml:3:1");
  EXPECT_EQ(text(results, "SELECT s.key FROM trial_stage x JOIN stage s ON s.id = x.stage"), "new");
}

// Fronts that declare, remove, mark and take back, recorded in several orders: rows, digest and script agree.
TEST(FrontRows, RemovalsAndTagsDoNotDependOnTheOrder) {
  const auto write = [](FakeResults& results, const std::string& which) {
    const Json causal0 = {{"target", "quick/causal/0"}, {"experiment", "quick"}, {"cell", "h-causal"}, {"seed", 0}};
    const auto with = [](Json line, const Json& more) {
      line.update(more);
      return line;
    };
    auto front = results.front("front-" + which, which == "a" ? 100 : which == "b" ? 200 : which == "c" ? 300 : 400);
    if (which == "a" || which == "c") {
      FakeResults::declare(front, "quick", {"causal", "masked"});
      for (const std::string cell : {"causal", "masked"})
        // The newer file has seed 0 alone.
        for (int seed = 0; seed < (which == "a" ? 2 : 1); ++seed)
          FakeResults::trial(front, "quick", cell, seed, {{"prior", fmt::format("p-{}-{}", cell, seed)}});
      front.write(with(causal0, {{"t", "tag"}, {"text", "best"}, {"time", which == "a" ? 101 : 301}}));
      front.write({{"t", "note"}, {"target", "quick"}, {"experiment", "quick"}, {"text", "look again"}, {"time", 102}});
    } else if (which == "b") {
      front.write({{"t", "remove"}, {"experiment", "quick"}, {"cell", "h-causal"}});
      front.write(with(causal0, {{"t", "tag"}, {"text", "best"}, {"removed", true}, {"time", 201}}));
    } else {
      front.write({{"t", "remove"}, {"experiment", "quick"}, {"cell", "h-masked"}, {"seed", 0}});
      front.write({{"t", "remove"}, {"experiment", "elsewhere"}});
      front.write({{"t", "note"}, {"target", "quick"}, {"experiment", "quick"}, {"text", "look again"}, {"removed", true}, {"time", 402}});
    }
    front.end();
  };
  std::string reference;
  for (const std::string order : {"abcd", "dcba", "cdab", "bacd"}) {
    FakeResults results("removals-" + order);
    for (const char which : order) {
      write(results, std::string(1, which));
      record(results.folder());
    }
    const auto digest = digest_after_record(results);
    if (reference.empty()) reference = digest;
    ASSERT_EQ(digest, reference) << order;
    ASSERT_EQ(expected_rows(results), "") << order;
    EXPECT_EQ(text(results, "SELECT group_concat(trial) FROM v_trial WHERE current"), "quick/causal/0")
        << "the newer file brought the removed cell back";
    EXPECT_EQ(text(results, "SELECT group_concat(trial) FROM (SELECT trial FROM v_trial WHERE removed ORDER BY 1)"),
              "quick/causal/1,quick/masked/0");
    EXPECT_EQ(number(results, "SELECT count(*) FROM v_cell WHERE removed"), 0) << "the cell was declared anew";
    EXPECT_EQ(text(results, "SELECT group_concat(kind || ' ' || target || ' ' || text) FROM v_tag"), "tag quick/causal/0 best");
    // The mutants: a recorder that forgets a removal, one that never takes it back.
    for (const char* wrong : {"UPDATE trial SET removed = 0", "UPDATE trial SET removed = 1", "DELETE FROM tag WHERE removed"}) {
      if (order != "abcd") break;
      {
        auto database = open_for_recording(ledger_file(results.folder()));
        database.exec(wrong);
      }
      EXPECT_NE(expected_rows(results), "") << wrong;
      rebuild(results.folder());
      EXPECT_EQ(expected_rows(results), "");
    }
  }
}

}  // namespace
}  // namespace tessera
