// What a ledger says, as one hash: equal for an interrupted and an uninterrupted run, for a rebuilt and a grown database.
// SHA-256 over rows by their natural keys, sorted. Left out: times, timing metrics, uuids, attempts (run, front, journal, event,
// env), and what depends on the disk (hollow).
#pragma once
#include <SQLiteCpp/Database.h>

#include <string>
#include <utility>
#include <vector>

namespace tessera {

struct LedgerDigest {
  std::string sha256;
  std::vector<std::pair<std::string, std::string>> tables;  // name → its own hash
};

LedgerDigest digest(SQLite::Database& database);

}  // namespace tessera
