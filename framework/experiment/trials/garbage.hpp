// What `cache gc` may remove: big files that a current trial does not need. stage.json, journals and logs always stay, so every number
// does; a stage without its outputs is hollow, and computed again if it is needed as an input.
//
//   outputs and checkpoints of stages that no current trial names
//   checkpoints of published stages, and outputs of their runs that were not published
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tessera {

struct Garbage {
  int64_t stage = 0;  // in the ledger
  std::string kind, key;
  bool current = false;    // a current trial names the stage
  bool published = false;  // it is hollow when its outputs are gone
  int64_t outputs = 0, checkpoints = 0, bytes = 0;
  std::vector<std::filesystem::path> files;

  std::string name() const { return kind + "-" + key; }
};

struct GarbageRequest {
  bool keep_tagged = false;               // nothing of stages that are tagged, or are part of a tagged trial, cell or experiment
  std::optional<double> older_than_days;  // only stages whose last run wrote nothing for so long
};

// The largest first.
std::vector<Garbage> find_garbage(SQLite::Database& database, const std::filesystem::path& results, const GarbageRequest& request);

// Throws Error(run_failed) naming what runs: a host that holds its stage's lease, or a front.
void refuse_while_running(SQLite::Database& database, const std::filesystem::path& results);

// Removes the files and records which stages are hollow now. Returns the bytes of files that are gone.
int64_t remove_garbage(const std::filesystem::path& results, const std::vector<std::string>& argv, const std::vector<Garbage>& garbage);

}  // namespace tessera
