// Is the ledger whole, and does it agree with the files? Changes nothing.
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

// A sentence for each thing that is wrong; empty: all is well.
std::vector<std::string> check_ledger(SQLite::Database& database, const std::filesystem::path& results);

// Reads every output of every published stage: those whose bytes are not those that were published.
std::vector<std::string> check_outputs(SQLite::Database& database, const std::filesystem::path& results);

}  // namespace tessera
