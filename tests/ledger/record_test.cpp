// Journals in, rows out: every rule of the recorder against a script that shares no code with it.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <map>
#include <thread>

#include "core/error.hpp"
#include "ledger_fixture.hpp"
#include "registry/ledger/check.hpp"
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

TEST(Record, RowsEqualThoseOfTheScript) {
  FakeResults results("rows");
  write_experiment(results);
  record(results.folder());
  EXPECT_EQ(expected_rows(results), "");
  auto database = open_read_only(ledger_file(results.folder()));
  EXPECT_EQ(check_ledger(database, results.folder()), std::vector<std::string>());
}

// In passes that cut journals anywhere, in the order of their uuids, or all at once: the same ledger.
TEST(Record, PiecemealEqualsRebuild) {
  FakeResults whole("whole"), pieces("pieces");
  write_experiment(whole);
  const auto reference = digest_after_record(whole);
  fs::create_directories(pieces.folder());
  record(pieces.folder());
  // Every journal is copied a third at a time, with a pass behind each third.
  fs::copy(whole.folder() / "live", pieces.folder() / "live");
  std::map<std::string, std::string> journals;
  for (const auto& path : all_journals(whole.folder())) {
    journals[path] = read_file(whole.folder() / path);
    const auto uuid = Json::parse(journals[path].substr(0, journals[path].find('\n'))).at("uuid").get<std::string>();
    std::ofstream(pieces.folder() / "live" / uuid) << path;
  }
  for (int third = 1; third <= 3; ++third)
    for (const auto& [path, text] : journals) {
      fs::create_directories((pieces.folder() / path).parent_path());
      std::ofstream(pieces.folder() / path, std::ios::trunc) << text.substr(0, text.size() * static_cast<size_t>(third) / 3);
      const auto stage = fs::path(path).parent_path().parent_path().parent_path();
      if (third == 3 && fs::exists(whole.folder() / stage / "stage.json"))
        fs::copy_file(whole.folder() / stage / "stage.json", pieces.folder() / stage / "stage.json", fs::copy_options::overwrite_existing);
      record(pieces.folder());
    }
  EXPECT_EQ(digest_after_record(pieces), reference);
  EXPECT_EQ(expected_rows(pieces), "");
  rebuild(pieces.folder());
  EXPECT_EQ(digest_after_record(pieces), reference);
}

// Journals and no time: each pass gets on by a turn, and in the end all is there once.
TEST(Record, ABudgetEndsAPassAndLosesNothing) {
  FakeResults results("budget");
  constexpr int kJournals = 3, kSteps = 1000;
  for (int j = 0; j < kJournals; ++j) {
    auto run = results.run("prior", fmt::format("p{}", j), 1, 0);
    run.metric("loss");
    for (int s = 1; s <= kSteps; ++s) run.step(s, {{"loss", 1.0 / (s + j)}});
    run.end();
  }
  FakeResults empty("empty");
  record(empty.folder());
  fs::copy_file(ledger_file(empty.folder()), ledger_file(results.folder()));
  const auto points = [&] {
    auto database = open_read_only(ledger_file(results.folder()));
    std::vector<int> counts;
    SQLite::Statement row(database, "SELECT count(*) FROM point GROUP BY stage");
    while (row.executeStep()) counts.push_back(row.getColumn(0).getInt());
    return counts;
  };
  int passes = 0;
  for (int64_t behind = 1, before = INT64_MAX; behind > 0; before = behind, ++passes) {
    ASSERT_LT(passes, 100);
    behind = record(results.folder(), std::chrono::seconds(1), std::chrono::milliseconds(0)).behind;
    EXPECT_LT(behind, before) << "each pass gets on";
  }
  EXPECT_EQ(passes, kJournals) << "a turn a pass";
  EXPECT_EQ(points(), std::vector<int>(kJournals, kSteps));
  const auto digest = digest_after_record(results);
  rebuild(results.folder());
  EXPECT_EQ(digest_after_record(results), digest);
}

TEST(Record, ResumedRunRewindsLowerRuns) {
  FakeResults results("rewind");
  auto first = results.run("prior", "p", 1, 0);
  first.metric("loss");
  first.metric("score", "sample");
  for (int s = 1; s <= 10; ++s) first.step(s, {{"loss", s}});
  first.write({{"t", "points"}, {"m", "score"}, {"i", {0, 1}}, {"v", {1.0, 2.0}}});
  record(results.folder());
  EXPECT_EQ(number(results, "SELECT steps FROM summary JOIN metric ON id = metric WHERE name = 'loss'"), 10);
  auto second = results.run("prior", "p", 2, 4);
  record(results.folder());
  EXPECT_EQ(number(results, "SELECT steps FROM summary JOIN metric ON id = metric WHERE name = 'loss'"), 4);
  EXPECT_EQ(number(results, "SELECT count(*) FROM point"), 4);
  EXPECT_EQ(number(results, "SELECT sum FROM summary"), 10);
  // The one that was replaced still writes, and a third resumes further on: each keeps to its steps.
  first.step(11, {{"loss", 99}});
  second.metric("loss");
  for (int s = 5; s <= 9; ++s) second.step(s, {{"loss", 100 + s}});
  auto third = results.run("prior", "p", 3, 6);
  third.metric("loss");
  third.step(7, {{"loss", 207}});
  second.step(10, {{"loss", 110}});
  record(results.folder());
  EXPECT_EQ(expected_rows(results), "");
  EXPECT_EQ(text(results, "SELECT group_concat(step || ':' || CAST(value AS INTEGER)) FROM point"), "1:1,2:2,3:3,4:4,5:105,6:106,7:207");
  EXPECT_EQ(text(results, "SELECT group_concat(n || state) FROM (SELECT n, state FROM run ORDER BY n)"), "1killed,2killed,3running");
}

// The mutant: a ledger as a recorder without the rule would leave it must be seen by the script and by `check`.
// A deleted stage keeps its rows until it is computed anew; then only the new ones stand.
TEST(Record, ADeletedStageThatIsComputedAnewReplacesItsRows) {
  FakeResults results("anew");
  write_experiment(results);
  record(results.folder());
  fs::remove_all(results.folder() / "stages/prior-p-causal-0");
  const auto before = digest_after_record(results);
  FakeJournal again(results.folder(), "stages/prior-p-causal-0/runs/1/journal.jsonl", "another",
                    {{"what", "run"},
                     {"stage", "p-causal-0"},
                     {"kind", "prior"},
                     {"n", 1},
                     {"from_step", 0},
                     {"parts", {{"key", "p-causal-0"}}},
                     {"inputs", Json::object()},
                     {"seed", 7},
                     {"time", 5000.0},
                     {"env", {{"host", "elsewhere"}}},
                     {"plugins", Json::object()}});
  again.metric("loss");
  again.step(1, {{"loss", 4.0}});
  EXPECT_EQ(record(results.folder()).problems, std::vector<std::string>()) << "while it is computed";
  again.step(2, {{"loss", 3.0}});
  results.publish(again, "prior", "p-causal-0", 1, "other weights");
  again.end();
  EXPECT_EQ(record(results.folder()).problems, std::vector<std::string>());
  const auto after = digest_after_record(results);
  EXPECT_NE(after, before);
  auto database = open_read_only(ledger_file(results.folder()));
  EXPECT_EQ(check_ledger(database, results.folder()), std::vector<std::string>());
  rebuild(results.folder());
  EXPECT_EQ(digest_after_record(results), after);
}

TEST(Record, ScriptSeesAMissingRewind) {
  FakeResults results("mutant");
  write_experiment(results);
  record(results.folder());
  ASSERT_EQ(expected_rows(results), "");
  {
    SQLite::Database database(ledger_file(results.folder()).string(), SQLite::OPEN_READWRITE);
    database.exec(
        "INSERT INTO point SELECT s.id, m.id, 24, 3.4 FROM stage s, metric m WHERE s.key = 'p-causal-0' AND m.name = 'loss' AND m.kind = "
        "'prior'");
  }
  EXPECT_NE(expected_rows(results).find("point: unexpected ('p-causal-0', 'prior', 'loss', 1, 24, 3.4)"), std::string::npos);
  auto database = open_read_only(ledger_file(results.folder()));
  EXPECT_EQ(check_ledger(database, results.folder()),
            std::vector<std::string>{"stage p-causal-0: the summary of loss differs from its points"});
}

TEST(Record, TornLineIsTakenUpWhenItsEndComes) {
  FakeResults results("torn");
  auto run = results.run("prior", "p", 1, 0);
  run.metric("loss");
  run.raw("{\"t\":\"step\",\"s\":1,\"q\":2,\"v\":{\"lo");
  record(results.folder());
  EXPECT_EQ(number(results, "SELECT count(*) FROM point"), 0);
  run.raw("ss\":0.5}}\n");
  record(results.folder());
  EXPECT_EQ(text(results, "SELECT step || ':' || value FROM point"), "1:0.5");
}

TEST(Record, UnknownAndMalformedLinesBecomeEvents) {
  FakeResults results("lines");
  auto run = results.run("prior", "p", 1, 0);
  run.metric("loss");
  run.write({{"t", "telepathy"}});
  run.write({{"t", "step"}, {"s", "three"}, {"v", {{"loss", 1}}}});
  run.write({{"t", "points"}, {"m", "loss"}, {"i", {1, 2}}, {"v", {1.0}}});
  run.write({{"t", "end"}, {"state", "vanished"}});
  auto front = results.front("f", 1);
  front.write({{"t", "trial"}, {"experiment", "none"}, {"cell", "c"}, {"seed", 0}, {"stages", Json::object()}});
  record(results.folder());
  EXPECT_EQ(text(results, "SELECT group_concat(level || ': ' || text, char(10)) FROM (SELECT * FROM event ORDER BY journal DESC, q)"),
            "unknown: line of unknown type 'telepathy'\n"
            "malformed: step line: \"s\" is no integer\n"
            "malformed: points line: 2 indices and 1 values\n"
            "malformed: end line: CHECK constraint failed: state IN ('running', 'done', 'failed', 'interrupted', 'killed', 'pruned')\n"
            "malformed: trial line: its cell was not declared");
}

// A damaged line costs itself and nothing else, wherever it stands and however the journal is cut into passes.
TEST(Record, DamagedLinesBecomeEventsAndTheRestIsRecorded) {
  FakeResults results("damage");
  auto run = results.run("prior", "p", 1, 0);
  run.raw("hello\n");
  run.metric("loss");
  run.step(1, {{"loss", 0.5}});
  record(results.folder());
  run.raw(std::string(700, '\0') + "\n");
  run.step(2, {{"loss", 0.25}});
  run.raw("{\"q\":8,\"t\":\"step\",\"s\":8,\"v\":{\"loss\":0.125}}\n");  // lines 4 to 7 are lost
  run.raw("{\"q\":9,\"t\":\"end\",\"state\":\"done\",\"error\":\"\",\"exit\":0,\"time\":1,\"seconds\":1,\"cpu_seconds\":1}\n");
  run.raw("goodbye\n");
  results.link("prior", "p", 1, Json::object(), "ok");
  const auto check = [&] {
    EXPECT_EQ(text(results, "SELECT state FROM v_stage"), "done");
    EXPECT_EQ(text(results, "SELECT state FROM run"), "done");
    EXPECT_EQ(text(results, "SELECT group_concat(step || ':' || value) FROM point"), "1:0.5,2:0.25,8:0.125");
    EXPECT_EQ(number(results, "SELECT count(*) FROM event"), 4);
    EXPECT_EQ(text(results, "SELECT level || ' ' || text FROM event ORDER BY q DESC LIMIT 1"),
              fmt::format("malformed byte {}: no JSON object in a line", read_file(results.folder() / run.path()).find("hello")));
    EXPECT_EQ(number(results, "SELECT count(*) FROM event WHERE text LIKE '%: found line 8, expected line 4'"), 1);
    EXPECT_EQ(expected_rows(results), "");
    auto database = open_read_only(ledger_file(results.folder()));
    EXPECT_EQ(check_ledger(database, results.folder()), std::vector<std::string>());
  };
  EXPECT_EQ(record(results.folder()).problems, std::vector<std::string>());
  check();
  EXPECT_EQ(rebuild(results.folder()).problems, std::vector<std::string>());
  check();
}

TEST(Record, UnreadableJournalsAreNamedAndTheOthersRecorded) {
  FakeResults results("formats");
  FakeJournal future(
      results.folder(), "stages/prior-x/runs/1/journal.jsonl", "future",
      {{"what", "run"}, {"format", 9}, {"stage", "x"}, {"kind", "prior"}, {"n", 1}, {"from_step", 0}, {"parts", Json::object()}});
  auto front = results.front("f", 1);
  FakeResults::declare(front, "quick", {"a"});
  const auto report = rebuild(results.folder());
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0],
            (results.folder() / "stages/prior-x/runs/1/journal.jsonl").string() + ": byte 0: found journal format 9, expected 1 to 1");
  EXPECT_EQ(number(results, "SELECT count(*) FROM experiment"), 1);
  // It stays announced, so the complaint stays until somebody acts.
  EXPECT_EQ(record(results.folder()).problems.size(), 1u);
}

TEST(Record, ShrunkenJournalAndCopyAreRefused) {
  FakeResults results("shrunken");
  auto run = results.run("prior", "p", 1, 0);
  run.metric("loss");
  record(results.folder());
  fs::create_directories(results.folder() / "stages/prior-p/runs/2");
  fs::copy_file(results.folder() / run.path(), results.folder() / "stages/prior-p/runs/2/journal.jsonl");
  std::ofstream(results.folder() / "live" / "copy") << "stages/prior-p/runs/2/journal.jsonl";
  fs::resize_file(results.folder() / run.path(), 20);
  const auto report = record(results.folder());
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_EQ(report.problems[0], "stages/prior-p/runs/2/journal.jsonl: first line: a copy of stages/prior-p/runs/1/journal.jsonl");
  EXPECT_NE(report.problems[1].find("found 20 bytes, expected at least the"), std::string::npos);
}

TEST(Record, PublishedIsWhatStageJsonSays) {
  FakeResults results("published");
  auto run = results.run("prior", "p", 1, 0);
  const Json outputs = {{"out.safetensors", {{"sha256", "abc"}, {"bytes", 2}}}};
  run.write({{"t", "publish"}, {"outputs", outputs}, {"inputs", Json::object()}});
  record(results.folder());
  EXPECT_EQ(number(results, "SELECT published IS NULL FROM stage"), 1);
  // The host died behind the link: no further line will come.
  results.link("prior", "p", 1, outputs, "ok");
  record(results.folder());
  EXPECT_EQ(number(results, "SELECT published FROM stage"), 1);
  EXPECT_EQ(text(results, "SELECT state FROM v_stage"), "done");
  // A second run came out differently: kept as evidence.
  auto second = results.run("prior", "p", 2, 0);
  second.write({{"t", "publish"}, {"outputs", {{"out.safetensors", {{"sha256", "def"}, {"bytes", 2}}}}}, {"inputs", Json::object()}});
  second.end();
  record(results.folder());
  EXPECT_EQ(number(results, "SELECT hashes FROM v_nondeterminism"), 2);
  fs::remove(results.folder() / "stages/prior-p/stage.json");
  auto database = open_read_only(ledger_file(results.folder()));
  EXPECT_EQ(check_ledger(database, results.folder()),
            std::vector<std::string>{"stages/prior-p: published by the ledger, but there is no stage.json"});
}

TEST(Record, WalWhileLiveRollbackJournalAtRest) {
  FakeResults results("wal");
  auto run = results.run("prior", "p", 1, 0);
  record(results.folder());
  run.metric("loss");
  record(results.folder());
  EXPECT_EQ(text(results, "PRAGMA journal_mode"), "wal");
  run.end();
  record(results.folder());
  EXPECT_TRUE(fs::is_empty(results.folder() / "live"));
  EXPECT_EQ(text(results, "PRAGMA journal_mode"), "delete");
}

TEST(Record, OtherSchemaVersionIsRebuilt) {
  FakeResults results("version");
  write_experiment(results);
  const auto before = digest_after_record(results);
  {
    SQLite::Database database(ledger_file(results.folder()).string(), SQLite::OPEN_READWRITE);
    database.exec("DROP TABLE tag; PRAGMA user_version = 99");
  }
  EXPECT_EQ(digest_after_record(results), before);
  EXPECT_EQ(number(results, "PRAGMA user_version"), kLedgerVersion);
}

TEST(Record, DamagedDatabaseSaysWhatToDo) {
  FakeResults results("damaged");
  write_experiment(results);
  const auto before = digest_after_record(results);
  const auto file = ledger_file(results.folder());
  auto bytes = read_file(file);
  for (size_t i = 100; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31);
  std::ofstream(file, std::ios::trunc) << bytes;
  try {
    auto database = open_read_only(file);
    digest(database);
    FAIL() << "a damaged database was read";
  } catch (const SQLite::Exception& error) {
    EXPECT_EQ(error.getErrorCode(), SQLITE_CORRUPT);
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), file.string() +
                                             ": the database is damaged (database disk image is malformed). The journals hold everything: "
                                             "run `tessera db rebuild`");
    EXPECT_EQ(error.code(), ExitCode::ledger);
  }
  rebuild(results.folder());
  EXPECT_EQ(digest_after_record(results), before);
}

TEST(Record, TwoRecordersAtOnce) {
  FakeResults results("two");
  auto run = results.run("prior", "p", 1, 0);
  run.metric("loss");
  std::vector<std::thread> recorders;
  for (int i = 0; i < 2; ++i)
    recorders.emplace_back([&] {
      for (int pass = 0; pass < 40; ++pass) record(results.folder());
    });
  for (int s = 1; s <= 400; ++s) run.step(s, {{"loss", s}});
  for (auto& recorder : recorders) recorder.join();
  record(results.folder());
  EXPECT_EQ(expected_rows(results), "");
  auto database = open_read_only(ledger_file(results.folder()));
  EXPECT_EQ(check_ledger(database, results.folder()), std::vector<std::string>());
}

TEST(Record, ReadOnlyFolderIsReadAsItStands) {
  FakeResults results("readonly");
  write_experiment(results);
  record(results.folder());
  auto late = results.run("prior", "late", 1, 0);
  Unprivileged guard(results.folder());
  const auto report = record(results.folder());
  EXPECT_FALSE(report.recorded);
  EXPECT_EQ(report.skipped, results.folder().string() + " cannot be written");
  EXPECT_EQ(number(results, "SELECT count(*) FROM stage WHERE key = 'late'"), 0);
  EXPECT_GT(number(results, "SELECT count(*) FROM point"), 0);
}

// It stays between passes, and is empty there: it held all that the run ever wrote otherwise.
TEST(Record, TheLogOfARunDoesNotGrow) {
  FakeResults results("log");
  auto run = results.run("prior", "p", 1, 0);
  run.metric("loss");
  record(results.folder());
  for (int s = 1; s <= 30; ++s) {
    run.step(s, {{"loss", s}});
    record(results.folder());
    ASSERT_EQ(fs::file_size(ledger_file(results.folder()).string() + "-wal"), 0u) << "after pass " << s;
  }
}

// Another user of a group's folder, or a read-only mount.
TEST(Record, WhoCannotWriteReadsWhileARunGoesOn) {
  FakeResults results("reader");
  auto run = results.run("prior", "p", 1, 0);
  run.metric("loss");
  record(results.folder());
  run.step(1, {{"loss", 1}});
  record(results.folder());
  const auto file = ledger_file(results.folder()).string();
  EXPECT_TRUE(fs::exists(file + "-wal")) << "kept between passes: a reader could not make it";
  {
    Unprivileged guard(results.folder());
    EXPECT_FALSE(record(results.folder()).recorded);
    EXPECT_EQ(number(results, "SELECT count(*) FROM point"), 1);
  }
  // In WAL mode without a WAL, as a copy of the file alone is.
  fs::remove(file + "-wal"), fs::remove(file + "-shm");
  {
    Unprivileged guard(results.folder());
    EXPECT_EQ(number(results, "SELECT count(*) FROM point"), 1);
  }
  results.publish(run, "prior", "p", 1);
  run.end("done");
  record(results.folder());
  EXPECT_FALSE(fs::exists(file + "-wal")) << "at rest it is one file";
  EXPECT_FALSE(fs::exists(file + "-shm"));
}

TEST(Record, TheLedgerHasTheRightsOfItsFolder) {
  FakeResults results("rights");
  auto run = results.run("prior", "p", 1, 0);
  const auto before = ::umask(002);
  record(results.folder());
  run.metric("loss");
  record(results.folder());
  ::umask(before);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat((ledger_file(results.folder()).string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0664u) << suffix << ": who shares the folder shares it";
  }
}

TEST(Record, AnothersLockFileIsNoObstacle) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs files of another user (root)";
  FakeResults results("lock");
  write_experiment(results);
  record(results.folder());
  auto late = results.run("prior", "late", 1, 0);
  fs::permissions(results.folder() / ".record.lock", fs::perms(0644));
  fs::permissions(ledger_file(results.folder()), fs::perms(0666));
  fs::permissions(results.folder() / "live", fs::perms(0777));
  {
    Unprivileged guard(results.folder(), 0777);
    const auto report = record(results.folder());
    EXPECT_TRUE(report.recorded) << report.skipped;
  }
  EXPECT_EQ(number(results, "SELECT count(*) FROM stage WHERE key = 'late'"), 1);
}

TEST(Record, AFileThatCannotBeWrittenIsNamed) {
  FakeResults results("unwritable");
  write_experiment(results);
  record(results.folder());
  auto late = results.run("prior", "late", 1, 0);
  const auto file = ledger_file(results.folder());
  fs::permissions(file, fs::perms(0444));
  fs::permissions(results.folder() / ".record.lock", fs::perms(0666));
  Unprivileged guard(results.folder());
  const auto report = record(results.folder());
  EXPECT_FALSE(report.recorded);
  EXPECT_EQ(report.skipped.rfind(file.string() + " cannot be written: Permission denied (it belongs to ", 0), 0u) << report.skipped;
  EXPECT_NE(report.skipped.find(", mode 0444); change its mode, or run `tessera db rebuild`, which makes it anew"), std::string::npos);
  EXPECT_EQ(report.journals, 0);
}

TEST(Record, NoResultsFolder) {
  try {
    record("/nowhere/results");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "/nowhere/results: no such results folder");
    EXPECT_EQ(error.code(), ExitCode::ledger);
  }
}

}  // namespace
}  // namespace tessera
