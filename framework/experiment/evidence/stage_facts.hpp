// What is on record about how a published stage was made: its runs' environments, numerics, engine revision, data, plugins' code, steps.
#pragma once
#include <SQLiteCpp/Database.h>

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "experiment/evidence/evidence.hpp"

namespace tessera {

class StageFacts {
 public:
  // Reads the records of all published stages of `evidence`, which outlives this. Of a stage it reads id, kind, done and run alone: values
  // may be read meanwhile.
  StageFacts(SQLite::Database& database, const Evidence& evidence);
  StageFacts(StageFacts&&) = default;  // a copy's records would lead into another one's texts

  using Differences = std::map<std::string, std::pair<std::string, std::string>>;  // fact -> the value of each; empty: not on record
  Differences differences(int64_t stage, int64_t base) const;
  // Between the runs that made one stage: the value of the last one, and of the last one before it that differed.
  Differences changes_within(int64_t stage) const;
  // What the run that published it ran on, as text: equal where all of it is equal.
  std::string environment(int64_t stage) const;
  // Processor seconds of all its runs; NaN where none is on record.
  double cpu_seconds(int64_t stage) const { return records_.at(stage).cpu_seconds; }

 private:
  using Environment = std::map<std::string, std::string>;
  struct Record {
    std::vector<int64_t> environments;  // of its runs, ids, the first of the chain first; the last one published it
    std::array<int64_t, 4> plugins{};   // ids, by slot; 0: none
    // Many stages have the same ones; null: none on record.
    const std::string *numerics = nullptr, *revision = nullptr, *fingerprint = nullptr;
    double cpu_seconds = kNoNumber;
  };
  struct Plugin {
    std::string name, code;
  };
  void read_runs(SQLite::Database& database);
  void read_environments(SQLite::Database& database);
  void read_plugins(SQLite::Database& database);
  void read_parts(SQLite::Database& database);
  const std::string* kept(std::string_view text);
  static void compare(const Environment& a, const Environment& b, const std::string& prefix, Differences& differences);

  const Differences& between_environments(int64_t a, int64_t b) const;

  const Evidence& evidence_;
  mutable std::map<std::pair<int64_t, int64_t>, Differences> known_;  // of two environments: many stages ask for the same
  std::unordered_map<int64_t, Record> records_;
  std::unordered_map<int64_t, Environment> environments_;
  std::unordered_map<int64_t, Plugin> plugins_;
  std::set<std::string, std::less<>> texts_;
};

}  // namespace tessera
