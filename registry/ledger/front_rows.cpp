#include "registry/ledger/front_rows.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace tessera {

const Json& member(const Json& line, const char* name) {
  auto found = line.find(name);
  if (found == line.end()) throw Error(ExitCode::ledger, fmt::format("no \"{}\"", name));
  return *found;
}

std::string text_member(const Json& line, const char* name) {
  const Json& value = member(line, name);
  if (!value.is_string()) throw Error(ExitCode::ledger, fmt::format("\"{}\" is no text", name));
  return value.get<std::string>();
}

int64_t integer_member(const Json& line, const char* name) {
  const Json& value = member(line, name);
  if (!value.is_number_integer()) throw Error(ExitCode::ledger, fmt::format("\"{}\" is no integer", name));
  return value.get<int64_t>();
}

int64_t FrontRows::stage(const std::string& key, const Json& kind, const Json& parts) {
  statements_.run(
      "INSERT INTO stage (key, kind, parts) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
      "kind = coalesce(kind, excluded.kind), parts = coalesce(parts, excluded.parts) WHERE kind IS NULL OR parts IS NULL",
      key, kind, parts.is_null() ? parts : Json(to_line(parts)));
  return *statements_.number("SELECT id FROM stage WHERE key = ?", key);
}

void FrontRows::stage_inputs(int64_t stage_id, const Json& inputs) {
  for (auto item = inputs.begin(); item != inputs.end(); ++item)
    if (item.value().is_string())
      statements_.run("INSERT OR IGNORE INTO stage_input (stage, slot, input) VALUES (?, ?, ?)", stage_id, item.key(),
                      stage(item.value().get<std::string>()));
}

std::optional<int64_t> FrontRows::environment(const Json& begin) {
  auto found = begin.find("env");
  if (found == begin.end() || found->is_null()) return std::nullopt;
  const std::string content = to_line(*found);
  const std::string hash = sha256(content);
  statements_.run("INSERT OR IGNORE INTO env (sha256, content) VALUES (?, ?)", hash, content);
  return statements_.number("SELECT id FROM env WHERE sha256 = ?", hash);
}

int64_t FrontRows::begin(int64_t journal, const Json& line) {
  const std::string uuid = text_member(line, "uuid");
  statements_.run("INSERT INTO front (journal, uuid, argv, state, started, env) VALUES (?, ?, ?, 'running', ?, ?)", journal, uuid,
                  to_line(line.value("argv", Json::array())), member(line, "time"), environment(line));
  return *statements_.number("SELECT id FROM front WHERE uuid = ?", uuid);
}

void FrontRows::end(int64_t front, const Json& line) {
  statements_.run("UPDATE front SET state = ?, ended = ? WHERE id = ?", line.value("state", "done"), line.value("time", Json()), front);
}

std::pair<double, std::string> FrontRows::age(int64_t front) {
  auto found = ages_.find(front);
  if (found != ages_.end()) return found->second;
  auto& row = statements_.bound("SELECT started, uuid FROM front WHERE id = ?", front);
  row.executeStep();
  auto age = std::make_pair(row.getColumn(0).getDouble(), row.getColumn(1).getString());
  row.reset();
  return ages_.emplace(front, age).first->second;
}

bool FrontRows::supersedes(int64_t front, std::optional<int64_t> other) { return !other || age(front) >= age(*other); }

std::optional<int64_t> FrontRows::experiment_id(const std::string& name) {
  return statements_.number("SELECT id FROM experiment WHERE name = ?", name);
}

bool FrontRows::line(int64_t front, const std::string& type, const Json& line) {
  if (type == "experiment")
    experiment(front, line);
  else if (type == "cell")
    cell(front, line);
  else if (type == "trial")
    trial(front, line);
  else if (type == "remove")
    remove(front, line);
  else if (type == "verdict")
    verdict(front, line);
  else if (type == "stage")
    stage_inputs(stage(text_member(line, "key"), text_member(line, "kind"), member(line, "parts")), line.value("inputs", Json::object()));
  else
    return false;
  return true;
}

// "adds": the front adds cells to those that are there (`sample` does, to the experiment adhoc) and retires none.
void FrontRows::experiment(int64_t front, const Json& line) {
  const std::string name = text_member(line, "name");
  statements_.run("INSERT OR IGNORE INTO experiment (name) VALUES (?)", name);
  if (line.value("adds", Json()) == true) return;
  if (supersedes(front, statements_.number("SELECT front FROM experiment WHERE name = ?", name)))
    statements_.run("UPDATE experiment SET question = ?, source = ?, baseline = ?, front = ? WHERE name = ?",
                    line.value("question", Json()), line.value("source", Json()), line.value("baseline", Json()), front, name);
}

void FrontRows::cell(int64_t front, const Json& line) {
  const std::string hash = text_member(line, "hash"), label = text_member(line, "label");
  const Json axes = line.value("axes", Json::object()), options = line.value("options", Json::array());
  for (const auto& option : options)
    if (!option.is_array() || option.size() != 3 || !option[0].is_string() || !option[2].is_string())
      throw Error(ExitCode::ledger, "an option is no [key, value, origin]");
  const auto experiment = experiment_id(text_member(line, "experiment"));
  if (!experiment) throw Error(ExitCode::ledger, "its experiment was not declared");
  if (!supersedes(front, statements_.number("SELECT front FROM cell WHERE experiment = ? AND hash = ?", *experiment, hash))) return;

  statements_.run(
      "INSERT INTO cell (experiment, hash, label, position, front) VALUES (?, ?, ?, ?, ?) ON CONFLICT (experiment, hash) "
      "DO UPDATE SET label = excluded.label, position = excluded.position, front = excluded.front",
      *experiment, hash, label, integer_member(line, "q"), front);
  const auto id = statements_.number("SELECT id FROM cell WHERE experiment = ? AND hash = ?", *experiment, hash);
  statements_.run("DELETE FROM cell_axis WHERE cell = ?", id);
  statements_.run("DELETE FROM option WHERE cell = ?", id);
  for (auto axis = axes.begin(); axis != axes.end(); ++axis)
    statements_.run("INSERT INTO cell_axis (cell, axis, point) VALUES (?, ?, ?)", id, axis.key(),
                    axis.value().is_string() ? axis.value() : Json(to_line(axis.value())));
  for (const auto& option : options)
    statements_.run("INSERT OR REPLACE INTO option (cell, key, value, origin) VALUES (?, ?, ?, ?)", id, option[0], option[1], option[2]);
  find_removed(text_member(line, "experiment"), hash, nullptr);
}

void FrontRows::trial(int64_t front, const Json& line) {
  const int64_t seed = integer_member(line, "seed");
  const Json& stages = member(line, "stages");
  for (const auto& key : stages)
    if (!key.is_string()) throw Error(ExitCode::ledger, "\"stages\" is no object of keys");
  const auto experiment = experiment_id(text_member(line, "experiment"));
  const auto cell =
      experiment ? statements_.number("SELECT id FROM cell WHERE experiment = ? AND hash = ?", *experiment, text_member(line, "cell"))
                 : std::nullopt;
  if (!cell) throw Error(ExitCode::ledger, "its cell was not declared");
  if (!supersedes(front, statements_.number("SELECT front FROM trial WHERE cell = ? AND seed = ?", *cell, seed))) return;

  statements_.run("INSERT INTO trial (cell, seed, front) VALUES (?, ?, ?) ON CONFLICT (cell, seed) DO UPDATE SET front = excluded.front",
                  *cell, seed, front);
  const auto id = statements_.number("SELECT id FROM trial WHERE cell = ? AND seed = ?", *cell, seed);
  statements_.run("DELETE FROM trial_stage WHERE trial = ?", id);
  for (auto item = stages.begin(); item != stages.end(); ++item)
    statements_.run("INSERT INTO trial_stage (trial, slot, stage) VALUES (?, ?, ?)", id, item.key(),
                    stage(item.value().get<std::string>()));
  find_removed(text_member(line, "experiment"), member(line, "cell"), seed);
}

void FrontRows::remove(int64_t front, const Json& line) {
  const std::string experiment = text_member(line, "experiment");
  const Json cell = line.value("cell", Json()), seed = line.value("seed", Json());
  if (!cell.is_null()) text_member(line, "cell");
  if (!seed.is_null()) integer_member(line, "seed");
  statements_.run("INSERT INTO removal (front, experiment, cell, seed) VALUES (?, ?, ?, ?)", front, experiment, cell, seed);
  find_removed(experiment, cell, seed);
}

// An attempt that failed before its run began has no journal: it is run 0, the newest of those.
void FrontRows::verdict(int64_t front, const Json& line) {
  const std::string error = text_member(line, "error");
  if (!member(line, "run").is_null()) {
    const std::string run = text_member(line, "run");
    statements_.run("INSERT OR IGNORE INTO verdict (run, error) VALUES (?, ?)", run, error);
    if (const auto id = statements_.number("SELECT id FROM run WHERE uuid = ?", run)) apply_verdict(*id);
    return;
  }
  statements_.run(
      "INSERT INTO run (uuid, stage, n, from_step, state, error, started) VALUES (?, ?, 0, 0, 'failed', ?, ?) ON CONFLICT (stage, n) DO "
      "UPDATE SET uuid = excluded.uuid, error = excluded.error, started = excluded.started WHERE (excluded.started, excluded.uuid) > "
      "(started, uuid)",
      fmt::format("{}:{}", age(front).second, integer_member(line, "q")), stage(text_member(line, "stage")), error, member(line, "time"));
}

void FrontRows::apply_verdict(int64_t run) {
  statements_.run(
      "UPDATE run SET state = 'failed', error = v.error FROM verdict v WHERE v.run = run.uuid AND run.id = ? AND run.state IN ('running', "
      "'interrupted', 'killed')",
      run);
}

// Computed anew from all removals there are, for what the arguments name (null: all): no order of journals matters.
void FrontRows::find_removed(const std::string& experiment, const Json& cell, const Json& seed) {
  const auto id = experiment_id(experiment);
  if (!id) return;
  if (seed.is_null())
    statements_.run(
        "UPDATE cell SET removed = EXISTS (SELECT 1 FROM removal x JOIN front g ON g.id = x.front JOIN front f ON f.id = cell.front "
        "WHERE x.experiment = ?1 AND (x.cell IS NULL OR x.cell = cell.hash) AND x.seed IS NULL AND (g.started, g.uuid) > (f.started, "
        "f.uuid)) WHERE experiment = ?2 AND (?3 IS NULL OR hash = ?3)",
        experiment, id, cell);
  statements_.run(
      "UPDATE trial SET removed = EXISTS (SELECT 1 FROM removal x JOIN front g ON g.id = x.front JOIN front f ON f.id = trial.front "
      "JOIN cell c ON c.id = trial.cell WHERE x.experiment = ?1 AND (x.cell IS NULL OR x.cell = c.hash) AND (x.seed IS NULL OR x.seed = "
      "trial.seed) AND (g.started, g.uuid) > (f.started, f.uuid)) WHERE cell IN (SELECT id FROM cell WHERE experiment = ?2 AND (?3 IS "
      "NULL OR hash = ?3)) AND (?4 IS NULL OR seed = ?4)",
      experiment, id, cell, seed);
}

}  // namespace tessera
