#include "registry/ledger/recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/files.hpp"
#include "core/journal.hpp"
#include "core/stage_folder.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kBeginning = std::numeric_limits<int64_t>::min(), kForever = std::numeric_limits<int64_t>::max();
// Points in memory before they are written: 16 bytes each.
constexpr int64_t kBufferedPoints = 1 << 20;

// A run from step 0 resumes nothing: step 0 is its own too.
int64_t owned_after(int64_t from_step) { return from_step <= 0 ? kBeginning : from_step; }

}  // namespace

Recorder::Recorder(SQLite::Database& database, fs::path results)
    : results_(std::move(results)), statements_(database), series_(statements_), rows_(statements_) {}

std::optional<Recorder::Source> Recorder::known(const std::string& path) {
  auto& row = statements_.bound(
      "SELECT j.id, j.offset, j.lines, j.ended, j.what = 'run', f.id, r.id, r.stage, r.n, r.from_step, s.kind, s.key FROM journal j "
      "LEFT JOIN front f ON f.journal = j.id LEFT JOIN run r ON r.journal = j.id LEFT JOIN stage s ON s.id = r.stage WHERE j.path = ?",
      path);
  std::optional<Source> source;
  if (row.executeStep()) {
    const auto integer = [&](int i) { return row.getColumn(i).getInt64(); };
    source.emplace();
    source->journal = integer(0), source->offset = integer(1), source->lines = integer(2);
    source->ended = integer(3) != 0, source->is_run = integer(4) != 0;
    source->front = integer(5), source->run = integer(6), source->stage = integer(7), source->n = integer(8),
    source->from_step = integer(9);
    source->kind = row.getColumn(10).getString(), source->key = row.getColumn(11).getString();
  }
  row.reset();
  if (!source) return source;
  auto& metric = statements_.bound(
      "SELECT x.name, m.id, m.axis = 'sample' FROM journal_metric x JOIN metric m ON m.id = x.metric WHERE x.journal = ?", source->journal);
  while (metric.executeStep())
    source->metrics[metric.getColumn(0).getString()] = {metric.getColumn(1).getInt64(), metric.getColumn(2).getInt() != 0};
  metric.reset();
  return source;
}

Recorder::Taken Recorder::take(const std::string& path, int64_t limit) {
  auto source = known(path);
  Taken taken;
  const int64_t start = source ? source->offset : 0;
  const auto size = static_cast<int64_t>(fs::file_size(results_ / path));
  if (size < start)
    throw Error(ExitCode::ledger,
                fmt::format("{}: found {} bytes, expected at least the {} that are recorded: run `tessera db rebuild`", path, size, start));
  JournalReader reader(results_ / path, start, source ? source->lines : 0);
  const auto finish = [&] {
    if (!source) return;
    source->offset = reader.offset();
    store_offset(*source);
  };
  try {
    while (const auto found = reader.read()) {
      // It has no number that is its own: its place stands in the number's stead.
      if (!found->problem.empty()) event(*source, -found->offset, "malformed", found->problem, nullptr);
      if (!source) {
        source = begin(path, *found->line);
        source->lines = 1;
      } else if (found->line) {
        source->lines = integer_member(*found->line, "q");
        line(*source, *found->line);
        ++source->lines;
      }
      source->offset = reader.offset();
      ++taken.lines;
      TESSERA_FAULT_POINT("record.after_line");
      if (source->offset - start >= limit) {
        taken.more = source->offset < size;
        break;
      }
    }
  } catch (const Error&) {
    // What came before the bad line is kept.
    if (source) store_offset(*source);
    throw;
  }
  finish();
  if (!source) return taken;
  if (source->is_run && !taken.more) {
    const bool published = statements_.number("SELECT published FROM stage WHERE id = ?", source->stage).has_value();
    if (source->asks_stage_json || !published) read_stage_json(*source);
  }
  taken.bytes = source->offset - start;
  taken.offset = source->offset;
  taken.ended = source->ended;
  return taken;
}

void Recorder::flush() {
  TESSERA_FAULT_POINT("record.before_flush");
  series_.flush();
  TESSERA_FAULT_POINT("record.after_flush");
}

void Recorder::store_offset(const Source& source) {
  TESSERA_FAULT_POINT("record.before_offset");
  statements_.run("UPDATE journal SET offset = ?, lines = ?, ended = ? WHERE id = ?", source.offset, source.lines, source.ended,
                  source.journal);
  TESSERA_FAULT_POINT("record.after_offset");
}

void Recorder::mark_killed(const std::string& path) {
  auto source = known(path);
  if (!source || source->ended) return;
  statements_.run(source->is_run ? "UPDATE run SET state = 'killed' WHERE journal = ? AND state = 'running'"
                                 : "UPDATE front SET state = 'killed' WHERE journal = ? AND state = 'running'",
                  source->journal);
}

Recorder::Source Recorder::begin(const std::string& path, const Json& line) {
  Source source;
  // All of a first line or nothing of it: it makes rows in many tables.
  series_.flush();
  statements_.run("SAVEPOINT first_line");
  try {
    const std::string uuid = text_member(line, "uuid"), what = text_member(line, "what");
    if (what != "run" && what != "front")
      throw Error(ExitCode::ledger, fmt::format("found a journal of a '{}', expected a run or a front", what));
    source.is_run = what == "run";
    if (source.is_run)
      for (const char* name : {"n", "from_step"}) integer_member(line, name);
    auto& other = statements_.bound("SELECT path FROM journal WHERE uuid = ?", uuid);
    const std::string copy = other.executeStep() ? other.getColumn(0).getString() : "";
    other.reset();
    if (!copy.empty()) throw Error(ExitCode::ledger, "a copy of " + copy);

    statements_.run("INSERT INTO journal (path, uuid, what, offset, lines, ended) VALUES (?, ?, ?, 0, 0, 0)", path, uuid, what);
    source.journal = *statements_.number("SELECT id FROM journal WHERE path = ?", path);
    source.is_run ? begin_run(source, line) : void(source.front = rows_.begin(source.journal, line));
  } catch (const std::exception& error) {
    windows_.clear();
    statements_.run("ROLLBACK TO first_line");
    statements_.run("RELEASE first_line");
    throw Error(ExitCode::ledger, fmt::format("{}: first line: {}", path, error.what()));
  }
  statements_.run("RELEASE first_line");
  return source;
}

void Recorder::begin_run(Source& source, const Json& line) {
  source.key = text_member(line, "stage");
  source.kind = text_member(line, "kind");
  source.n = integer_member(line, "n");
  source.from_step = integer_member(line, "from_step");
  source.stage = rows_.stage(source.key, source.kind, member(line, "parts"));
  rows_.stage_inputs(source.stage, line.value("inputs", Json::object()));
  if (statements_.number("SELECT id FROM run WHERE stage = ? AND n = ?", source.stage, source.n))
    throw Error(ExitCode::ledger, fmt::format("run {} of stage {} is recorded from another journal", source.n, source.key));

  // Whoever begins a run knows that all lower ones are over.
  const auto higher = statements_.number("SELECT count(*) FROM run WHERE stage = ? AND n > ?", source.stage, source.n);
  statements_.run("INSERT INTO run (journal, uuid, stage, n, from_step, seed, state, started, env) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  source.journal, text_member(line, "uuid"), source.stage, source.n, source.from_step, line.value("seed", Json()),
                  *higher > 0 ? "killed" : "running", line.value("time", Json()), rows_.environment(line));
  statements_.run("UPDATE run SET state = 'killed' WHERE stage = ? AND n < ? AND state = 'running'", source.stage, source.n);
  source.run = *statements_.number("SELECT id FROM run WHERE stage = ? AND n = ?", source.stage, source.n);

  rows_.apply_verdict(source.run);

  const Json plugins = line.value("plugins", Json::object());
  for (auto item = plugins.begin(); item != plugins.end(); ++item) {
    const Json& plugin = item.value();
    const std::string name = text_member(plugin, "id"), hash = text_member(plugin, "sha256");
    statements_.run(
        "INSERT INTO plugin (sha256, kind, name, revision, version, manifest) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (sha256, kind, name) DO UPDATE SET revision = coalesce(revision, excluded.revision), "
        "version = coalesce(version, excluded.version), manifest = coalesce(manifest, excluded.manifest)",
        hash, item.key(), name, plugin.value("revision", Json()), plugin.value("version", Json()), plugin.value("manifest", Json()));
    statements_.run(
        "INSERT INTO stage_plugin (stage, run, slot, plugin) SELECT ?, ?, ?, id FROM plugin WHERE sha256 = ? AND kind = ? AND name = ?",
        source.stage, source.n, item.key(), hash, item.key(), name);
  }

  // Invariant 3: the steps this run owns are taken from lower runs; it has written none yet itself.
  windows_.clear();
  const Window own = window(source);
  TESSERA_FAULT_POINT("record.before_rewind");
  series_.take_away(source.stage, own.after, own.up_to, own.samples);
  if (own.samples) statements_.run("DELETE FROM sample WHERE stage = ?", source.stage);
  TESSERA_FAULT_POINT("record.after_rewind");
}

const Recorder::Window& Recorder::window(const Source& source) {
  auto found = windows_.find(source.run);
  if (found != windows_.end()) return found->second;
  Window window{owned_after(source.from_step), kForever, true};
  auto& row = statements_.bound("SELECT from_step FROM run WHERE stage = ? AND n > ?", source.stage, source.n);
  while (row.executeStep()) {
    window.up_to = std::min(window.up_to, owned_after(row.getColumn(0).getInt64()));
    window.samples = false;
  }
  row.reset();
  return windows_.emplace(source.run, window).first->second;
}

bool Recorder::owns(const Source& source, bool of_samples, int64_t step) {
  const Window& own = window(source);
  return of_samples ? own.samples : step > own.after && step <= own.up_to;
}

void Recorder::line(Source& source, const Json& line) {
  const int64_t q = source.lines;
  std::string type;
  try {
    type = text_member(line, "t");
    if (type == "event")
      event(source, q, text_member(line, "level"), text_member(line, "text"), line.value("time", Json()));
    else if (type == "tag" || type == "note")
      statements_.run(
          "INSERT INTO tag (journal, q, kind, target, experiment, cell, seed, stage, text, removed, time) VALUES (?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?)",
          source.journal, q, type, text_member(line, "target"), line.value("experiment", Json()), line.value("cell", Json()),
          line.value("seed", Json()), line.value("stage", Json()), text_member(line, "text"), line.value("removed", false),
          line.value("time", Json()));
    else if (type == "end")
      end(source, line);
    else if (type == "hollow")
      hollow(text_member(line, "kind"), text_member(line, "stage"));
    else if (source.is_run)
      run_line(source, type, line);
    else if (!rows_.line(source.front, type, line))
      event(source, q, "unknown", fmt::format("line of unknown type '{}'", type), nullptr);
  } catch (const Error& error) {
    event(source, q, "malformed", fmt::format("{} line: {}", type, error.what()), nullptr);
  } catch (const Json::exception& error) {
    event(source, q, "malformed", fmt::format("{} line: {}", type, error.what()), nullptr);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_CONSTRAINT && error.getErrorCode() != SQLITE_MISMATCH) throw;
    event(source, q, "malformed", fmt::format("{} line: {}", type, error.what()), nullptr);
  }
}

void Recorder::run_line(Source& source, const std::string& type, const Json& line) {
  if (type == "step") {
    step(source, line);
  } else if (type == "points") {
    scores(source, line);
  } else if (type == "metric") {
    declare_metric(source, line);
  } else if (type == "sample") {
    sample(source, line);
  } else if (type == "publish") {
    outputs(source.stage, source.n, line);
    source.asks_stage_json = true;
  } else if (type != "checkpoint") {
    event(source, source.lines, "unknown", fmt::format("line of unknown type '{}'", type), nullptr);
  }
  if (series_.buffered() > kBufferedPoints) series_.flush();
}

// One declaration a (kind, name, revision). Where two journals differ in the rest, the greater wins: no order decides.
void Recorder::declare_metric(Source& source, const Json& line) {
  const std::string name = text_member(line, "name");
  const int64_t revision = line.value("revision", int64_t{0});
  statements_.run(
      "INSERT INTO metric (kind, name, revision, axis, goal, unit, timing, definition) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (kind, name, revision) DO UPDATE SET axis = excluded.axis, goal = excluded.goal, unit = excluded.unit, "
      "timing = excluded.timing, definition = excluded.definition WHERE (excluded.axis, excluded.goal, excluded.unit, "
      "excluded.timing, excluded.definition) > (axis, goal, unit, timing, definition)",
      source.kind, name, revision, line.value("axis", "step"), line.value("goal", "none"), line.value("unit", ""),
      line.value("timing", false), line.value("definition", ""));
  const auto id = statements_.number("SELECT id FROM metric WHERE kind = ? AND name = ? AND revision = ?", source.kind, name, revision);
  statements_.run("INSERT OR REPLACE INTO journal_metric (journal, name, metric) VALUES (?, ?, ?)", source.journal, name, id);
  source.metrics[name] = {*id, line.value("axis", "step") == "sample"};
}

std::pair<int64_t, bool> Recorder::metric_of(Source& source, const std::string& name, const char* axis) {
  auto found = source.metrics.find(name);
  if (found != source.metrics.end()) return found->second;
  declare_metric(source, {{"name", name}, {"axis", axis}});  // a journal that forgot to: the number is kept, its meaning unknown
  return source.metrics.at(name);
}

void Recorder::step(Source& source, const Json& line) {
  const int64_t step = integer_member(line, "s");
  const Json& values = member(line, "v");
  for (auto item = values.begin(); item != values.end(); ++item) {
    const double value = decode_number(item.value());
    const auto [metric, of_samples] = metric_of(source, item.key(), "step");
    if (!owns(source, of_samples, step)) continue;
    series_.add(source.stage, metric, step, value);
    ++points_;
  }
}

void Recorder::scores(Source& source, const Json& line) {
  const Json &indices = member(line, "i"), &values = member(line, "v");
  if (indices.size() != values.size())
    throw Error(ExitCode::ledger, fmt::format("{} indices and {} values", indices.size(), values.size()));
  const auto [metric, of_samples] = metric_of(source, text_member(line, "m"), "sample");
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto index = indices[i].get<int64_t>();
    if (!owns(source, of_samples, index)) continue;
    series_.add(source.stage, metric, index, decode_number(values[i]));
    ++points_;
  }
}

void Recorder::sample(Source& source, const Json& line) {
  if (!window(source).samples) return;
  const Json logp = line.value("logp", Json());
  const std::string png = base64_decode(line.value("png", ""));
  statements_.run(
      "INSERT OR REPLACE INTO sample (stage, idx, noise_seed, label, ids, commit_step, logprob, png) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      source.stage, integer_member(line, "i"), line.value("noise_seed", Json()), line.value("label", Json()), line.value("ids", Json()),
      line.value("commit", Json()), logp.is_null() ? std::optional<double>() : decode_number(logp),
      png.empty() ? std::optional<Blob>() : Blob{png});
}

// "outputs" and "inputs" of a publish line or of a stage.json.
void Recorder::outputs(int64_t stage, int64_t run, const Json& of) {
  const Json outputs = of.value("outputs", Json::object()), inputs = of.value("inputs", Json::object());
  for (auto output = outputs.begin(); output != outputs.end(); ++output)
    statements_.run("INSERT OR REPLACE INTO artifact (stage, run, name, sha256, bytes) VALUES (?, ?, ?, ?, ?)", stage, run, output.key(),
                    text_member(output.value(), "sha256"), integer_member(output.value(), "bytes"));
  for (auto input = inputs.begin(); input != inputs.end(); ++input) {
    const Json read = input.value().value("outputs", Json::object());
    for (auto file = read.begin(); file != read.end(); ++file)
      statements_.run("INSERT OR REPLACE INTO input_read (stage, run, slot, name, sha256) VALUES (?, ?, ?, ?, ?)", stage, run, input.key(),
                      file.key(), file.value());
  }
}

void Recorder::end(Source& source, const Json& line) {
  source.ended = true;
  source.asks_stage_json = true;
  if (!source.is_run) {
    rows_.end(source.front, line);
    return;
  }
  const Json exit = line.value("exit", Json());
  statements_.run("UPDATE run SET state = ?, error = nullif(?, ''), exit_code = ?, ended = ?, seconds = ?, cpu_seconds = ? WHERE id = ?",
                  text_member(line, "state"), line.value("error", ""), exit, line.value("time", Json()), line.value("seconds", Json()),
                  line.value("cpu_seconds", Json()), source.run);
  rows_.apply_verdict(source.run);
}

// Invariant 4. A host may have died between the link and its next line, so this asks the file, not the journal.
void Recorder::read_stage_json(const Source& source) {
  StageFolder folder(results_, source.kind, source.key);
  try {
    const auto stage = folder.published();
    if (!stage) return;
    const int64_t run = integer_member(*stage, "run");
    outputs(source.stage, run, *stage);
    statements_.run("UPDATE stage SET published = ?, hollow = ? WHERE id = ?", run, folder.hollow(), source.stage);
  } catch (const Error& error) {
    throw Error(ExitCode::ledger, fmt::format("stages/{}-{}: {}", source.kind, source.key, error.what()));
  }
}

// Outputs were removed at some time: what is there now is what counts. A stage that is not recorded yet is asked when it is.
void Recorder::hollow(const std::string& kind, const std::string& key) {
  statements_.run("UPDATE stage SET hollow = ? WHERE key = ? AND kind = ? AND published IS NOT NULL",
                  StageFolder(results_, kind, key).hollow(), key, kind);
}

void Recorder::event(const Source& source, int64_t q, const std::string& level, const std::string& text, const Json& time) {
  statements_.run("INSERT OR REPLACE INTO event (journal, q, level, text, time) VALUES (?, ?, ?, ?, ?)", source.journal, q, level, text,
                  time.is_number() ? time : Json());
}

}  // namespace tessera
