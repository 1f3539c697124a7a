// The recorder is killed at every one of its fault points, several passages deep; recording again gives the same ledger.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "ledger_fixture.hpp"
#include "registry/ledger/check.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

const std::string kTool = TESSERA_BINARY_DIR "/bin/ledger_tool ";

std::vector<std::string> recorder_faults() {
  std::istringstream names(shell(kTool + "faults").first);
  std::vector<std::string> faults;
  for (std::string name; std::getline(names, name);)
    if (name.rfind("record.", 0) == 0 || name.rfind("rebuild.", 0) == 0) faults.push_back(name);
  return faults;
}

// True where the program was killed there.
bool killed_at(const std::string& fault, int nth, const std::string& verb, const FakeResults& results) {
  // exec: the shell must not turn the signal into an exit code.
  const int status =
      shell("TESSERA_FAULT=" + fault + ":" + std::to_string(nth) + " exec " + kTool + verb + " " + results.folder().string()).second;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(Faults, EveryPointOfTheRecorderIsNamed) {
  EXPECT_EQ(recorder_faults(),
            (std::vector<std::string>{"rebuild.before_swap", "rebuild.removed_old", "rebuild.swapped", "record.after_commit",
                                      "record.after_flush", "record.after_line", "record.after_offset", "record.after_rewind",
                                      "record.before_begin", "record.before_commit", "record.before_flush", "record.before_offset",
                                      "record.before_rest", "record.before_rewind", "record.before_unmark", "record.locked"}));
}

// The first pass builds the ledger, the second one takes in what came later, through WAL.
TEST(Faults, KilledAnywhereThenRecordedAgain) {
  FakeResults reference("reference");
  write_experiment(reference);
  const std::string expected = digest_after_record(reference);
  int kills = 0;
  for (const auto& fault : recorder_faults())
    for (int nth : {1, 2, 7, 40, 150}) {
      FakeResults results("killed");
      record(results.folder());  // an empty ledger: what follows arrives through results/live
      write_experiment(results);
      if (!killed_at(fault, nth, fault.rfind("rebuild.", 0) == 0 ? "rebuild" : "record", results)) continue;
      ++kills;
      ASSERT_EQ(digest_after_record(results), expected) << fault << ":" << nth;
      auto database = open_read_only(ledger_file(results.folder()));
      ASSERT_EQ(check_ledger(database, results.folder()), std::vector<std::string>()) << fault << ":" << nth;
    }
  std::printf("%d kills\n", kills);
  EXPECT_GE(kills, 28);
}

TEST(Faults, ScriptAgreesAfterKills) {
  FakeResults results("many");
  record(results.folder());
  write_experiment(results);
  for (const auto& fault : recorder_faults()) killed_at(fault, 3, "record", results);
  record(results.folder());
  EXPECT_EQ(expected_rows(results), "");
}

}  // namespace
}  // namespace tessera
