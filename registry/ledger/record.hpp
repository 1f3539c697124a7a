// record(): journals → rows. A function, not a service: whoever wants to see the newest numbers calls it.
//
//   at rest (rollback journal) --a live journal--> recording (WAL) --the last one ends--> at rest
//   no database, or of another schema version --rebuild beside, swap in--> at rest
//
// Invariants
//  1 One recorder at a time: an flock on results/.record.lock is held from opening the database to closing it.
//  2 A pass reads the journals that results/live/ names; a rebuild reads all there are. Both give the same rows.
//  3 A name leaves results/live/ only after the rows of its journal, complete, are committed.
//  4 At rest the database is one file in rollback mode, which anybody may read from a read-only folder.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tessera {

struct RecordReport {
  int64_t journals = 0, lines = 0, points = 0;  // taken in by this pass
  int64_t behind = 0;                           // bytes of journals that the budget left for the next pass
  bool recorded = true;                         // false: `skipped` says why
  std::string skipped;
  std::vector<std::string> problems;  // journals that could not be read, a sentence each; the others were
};

// Waits for another recorder up to `patience`. Stops after `budget`, a transaction later at most, where there is more to take in; all
// journals get their turn. A results folder that cannot be written is no error (`recorded` is false).
// Throws Error(ledger): no such folder, database damaged, disk full.
RecordReport record(const std::filesystem::path& results, std::chrono::milliseconds patience = std::chrono::seconds(10),
                    std::optional<std::chrono::milliseconds> budget = std::nullopt);

// All journals into a new database that takes the place of the old one, whatever state that is in.
RecordReport rebuild(const std::filesystem::path& results);

// Every journal of the results folder, as paths relative to it: fronts, then stages, then runs by number.
std::vector<std::string> all_journals(const std::filesystem::path& results);

}  // namespace tessera
