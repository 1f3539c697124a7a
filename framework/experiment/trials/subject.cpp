#include "experiment/trials/subject.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "experiment/compare/comparison.hpp"

namespace tessera {
namespace {

constexpr size_t kLeastDigits = 4;

struct KindOfSubject {
  const char* name;
  const char* expected;
  const char* find;   // ?1: the word → id, name, experiment, hash, seed
  const char* names;  // current ones, for did-you-mean
};

// By Subject::Kind.
constexpr KindOfSubject kKinds[] = {
    {"experiment", "an experiment", "SELECT id, name, name, NULL, NULL FROM experiment WHERE name = ?1", "SELECT name FROM experiment"},
    {"cell", "a cell (experiment/cell)",
     "SELECT id, experiment || '/' || cell, experiment, cell_hash, NULL FROM v_cell WHERE experiment || '/' || cell = ?1 "
     "ORDER BY current DESC, removed, id DESC LIMIT 1",
     "SELECT experiment || '/' || cell FROM v_cell WHERE current"},
    {"trial", "a trial (experiment/cell/seed)",
     "SELECT id, trial, experiment, cell_hash, seed FROM v_trial WHERE trial = ?1 ORDER BY current DESC, removed, id DESC LIMIT 1",
     "SELECT trial FROM v_trial WHERE current"},
    {"stage", "a stage's key (four digits at least)",
     "SELECT id, kind || '-' || key, kind, key FROM stage WHERE kind IS NOT NULL AND (substr(key, 1, length(?1)) = ?1 OR "
     "substr(kind || '-' || key, 1, length(?1)) = ?1) ORDER BY 2",
     nullptr},
};

std::optional<Subject> find(SQLite::Database& database, Subject::Kind kind, const std::string& word) {
  SQLite::Statement row(database, kKinds[kind].find);
  row.bind(1, word);
  if (!row.executeStep()) return std::nullopt;
  Subject subject;
  subject.kind = kind;
  subject.id = row.getColumn(0).getInt64();
  subject.name = row.getColumn(1).getString();
  subject.experiment_name = row.getColumn(2).getString();
  if (!row.isColumnNull(3)) subject.cell_hash = row.getColumn(3).getString();
  if (!row.isColumnNull(4)) subject.seed = row.getColumn(4).getInt64();
  return subject;
}

std::optional<Subject> find_stage(SQLite::Database& database, const std::string& verb, const std::string& word) {
  if (word.size() < kLeastDigits) return std::nullopt;
  SQLite::Statement row(database, kKinds[Subject::stage].find);
  row.bind(1, word);
  std::vector<Subject> found;
  while (row.executeStep()) {
    Subject subject;
    subject.kind = Subject::stage;
    subject.id = row.getColumn(0).getInt64();
    subject.name = row.getColumn(1).getString();
    subject.stage_kind = row.getColumn(2).getString(), subject.stage_key = row.getColumn(3).getString();
    found.push_back(std::move(subject));
    if (found.back().stage_key == word || found.back().name == word) return found.back();
  }
  if (found.empty()) return std::nullopt;
  if (found.size() == 1) return found[0];
  found.resize(std::min<size_t>(found.size(), 8));
  std::vector<std::string> names;
  for (const auto& one : found) names.push_back(one.name);
  throw Error(ExitCode::bad_config, fmt::format("{}: '{}' begins more than one stage's key: {}", verb, word, fmt::join(names, ", ")));
}

}  // namespace

const char* to_string(Subject::Kind kind) { return kKinds[kind].name; }

Json Subject::facts() const {
  Json facts = {{"target", name}};
  if (kind == stage) {
    facts["stage"] = stage_key;
    return facts;
  }
  facts["experiment"] = experiment_name;
  if (kind != experiment) facts["cell"] = cell_hash;
  if (seed) facts["seed"] = *seed;
  return facts;
}

Subject find_subject(SQLite::Database& database, const std::string& verb, const std::string& word,
                     const std::vector<Subject::Kind>& kinds) {
  for (const auto kind : kinds) {
    auto found = kind == Subject::stage ? find_stage(database, verb, word) : find(database, kind, word);
    if (found) return *found;
  }
  std::vector<std::string> names, expected;
  for (const auto kind : kinds) {
    expected.emplace_back(kKinds[kind].expected);
    if (kind == Subject::experiment) {
      // "experiments/quickstart.toml", or the end of a longer name.
      try {
        return *find(database, kind, find_ledger_experiment(database, word));
      } catch (const Error&) {  // it is told below, with the other kinds
      }
    }
    if (!kKinds[kind].names) continue;
    SQLite::Statement row(database, kKinds[kind].names);
    while (row.executeStep()) names.push_back(row.getColumn(0).getString());
  }
  const auto near = did_you_mean(word, names);
  const std::string last = expected.back();
  expected.pop_back();
  throw Error(ExitCode::bad_config,
              fmt::format("{}: found '{}', expected {}{}{}{}", verb, word, fmt::join(expected, ", "), expected.empty() ? "" : " or ", last,
                          near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace tessera
