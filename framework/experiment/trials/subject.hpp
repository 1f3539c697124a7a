// What a word of the command line names in the ledger: an experiment, a cell, a trial or a stage.
#pragma once
#include <SQLiteCpp/Database.h>

#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"

namespace tessera {

struct Subject {
  enum Kind { experiment, cell, trial, stage } kind = trial;
  int64_t id = 0;    // in the table of its kind
  std::string name;  // "quickstart", "quickstart/causal", "quickstart/causal/0", "prior-4f2a…"
  std::string experiment_name, cell_hash;
  std::optional<int64_t> seed;
  std::string stage_kind, stage_key;

  // How a journal line names it, for good: by hash and key, and the name for those who read the journal.
  Json facts() const;
};

const char* to_string(Subject::Kind kind);

// A trial before a cell before an experiment before a stage (its key's first four digits or more, its kind in front or not); current
// ones before others of the same name. Throws Error(bad_config) "<verb>: found …, expected …" with the nearest name of those kinds.
Subject find_subject(SQLite::Database& database, const std::string& verb, const std::string& word,
                     const std::vector<Subject::Kind>& kinds = {Subject::trial, Subject::cell, Subject::experiment, Subject::stage});

}  // namespace tessera
