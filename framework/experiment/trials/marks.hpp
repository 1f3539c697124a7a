// Tags and notes on trials, cells, experiments and stages: facts of a front's journal, as taking them back is.
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiment/trials/subject.hpp"

namespace tessera {

struct Mark {
  std::string kind;                           // "tag", "note"
  std::string target, experiment, cell_hash;  // the target as it is called now, where the ledger has it
  std::optional<int64_t> seed;
  std::string stage, text;
  double time = 0;  // seconds since 1970

  // Of the subject itself, not of what it is part of.
  bool is_of(const Subject& subject) const;
};

// All that stand, oldest first.
std::vector<Mark> read_marks(SQLite::Database& database, const std::string& kind);

// Writes the fact and records it. Throws Error(run_failed) where the results folder cannot be written.
void write_mark(const std::filesystem::path& results, const std::vector<std::string>& argv, const std::string& kind, const Subject& subject,
                const std::string& text, bool removed);

// trial → its tags: its own, its cell's, its experiment's, its stages'; each once, in order of the alphabet.
std::map<int64_t, std::vector<std::string>> tags_of_trials(SQLite::Database& database);

}  // namespace tessera
