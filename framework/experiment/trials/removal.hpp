// What `rm` takes out of the ledger's current trials: a fact of a front's journal. Rows, journals and files stay; what only these trials
// need becomes garbage.
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/trials/subject.hpp"

namespace tessera {

struct Removal {
  std::vector<std::string> trials, running;  // current ones; those of them that run
  int64_t stages_alone = 0;                  // that no other current trial names
  int64_t stages_shared = 0;
};

Removal find_removal(SQLite::Database& database, const Subject& subject);
// Writes the fact and records it.
void write_removal(const std::filesystem::path& results, const std::vector<std::string>& argv, const Subject& subject);

}  // namespace tessera
