// Turns journal lines into rows. One recorder writes at a time (record.cpp holds the lock), inside the caller's transaction.
//
// Invariants
//  1 The rows of a set of journals do not depend on the order in which the journals, or parts of them, are read.
//  2 A journal's rows and its offset are written in one transaction: what is recorded is recorded once.
//  3 A step belongs to the highest run n with from_step < step (a run from step 0 owns the whole stage); samples and per-sample
//    scores belong to the highest run. So a run that resumes writes its samples anew.
//  4 What is published is what stage.json says; publish lines only add to the history of outputs.
//  5 A line that cannot be used becomes an event of level 'unknown' or 'malformed'; it stops nothing.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/json.hpp"
#include "registry/ledger/front_rows.hpp"
#include "registry/ledger/series_writer.hpp"
#include "registry/ledger/statements.hpp"

namespace tessera {

class Recorder {
 public:
  Recorder(SQLite::Database& database, std::filesystem::path results);

  struct Taken {
    int64_t bytes = 0, lines = 0;
    int64_t offset = 0;  // recorded so far
    bool more = false;   // stopped at the limit
    bool ended = false;  // the end line is recorded
  };
  // Records complete lines behind the recorded offset, about `limit` bytes at most. Throws Error(ledger) where the journal is
  // of an unknown format, shorter than what is recorded of it, or a copy of another; its offset then stays.
  Taken take(const std::string& path, int64_t limit);
  // The journal's process is gone: without an end line behind what was taken, its state is 'killed'.
  void mark_killed(const std::string& path);
  // Writes buffered points; to be called before the transaction is committed.
  void flush();
  int64_t points() const { return points_; }

 private:
  // What must be known of a journal to read on in its middle.
  struct Source {
    int64_t journal = 0, offset = 0, lines = 0;
    bool ended = false, is_run = false;
    int64_t front = 0;                                 // of a front
    int64_t run = 0, stage = 0, n = 0, from_step = 0;  // of a run
    std::string kind, key;
    bool asks_stage_json = false;                             // a publish or end line came
    std::map<std::string, std::pair<int64_t, bool>> metrics;  // name → id, of the sample axis
  };
  // Steps that the run owns: after < step <= up_to; samples while no higher run exists.
  struct Window {
    int64_t after = 0, up_to = 0;
    bool samples = false;
  };

  std::optional<Source> known(const std::string& path);
  Source begin(const std::string& path, const Json& line);
  void begin_run(Source& source, const Json& line);
  void line(Source& source, const Json& line);
  void run_line(Source& source, const std::string& type, const Json& line);
  void declare_metric(Source& source, const Json& line);
  std::pair<int64_t, bool> metric_of(Source& source, const std::string& name, const char* axis);
  void step(Source& source, const Json& line);
  void scores(Source& source, const Json& line);
  void sample(Source& source, const Json& line);
  void end(Source& source, const Json& line);
  void hollow(const std::string& kind, const std::string& key);
  void event(const Source& source, int64_t q, const std::string& level, const std::string& text, const Json& time);
  void read_stage_json(const Source& source);
  void outputs(int64_t stage, int64_t run, const Json& of);
  const Window& window(const Source& source);
  bool owns(const Source& source, bool of_samples, int64_t step);
  void store_offset(const Source& source);

  std::filesystem::path results_;
  Statements statements_;
  SeriesWriter series_;
  FrontRows rows_;
  std::map<int64_t, Window> windows_;  // by run id; forgotten when a run begins
  int64_t points_ = 0;
};

}  // namespace tessera
