#include "experiment/evidence/evidence.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string_view>

namespace tessera {
namespace {

double column_or_nan(SQLite::Statement& row, int i) { return row.isColumnNull(i) ? kNoNumber : row.getColumn(i).getDouble(); }

// Id of the cell in the ledger -> its place.
std::unordered_map<int64_t, size_t> read_cells(SQLite::Database& database, const std::string& experiment, Evidence& evidence) {
  SQLite::Statement row(database, "SELECT id, cell FROM v_cell WHERE experiment = ? AND current ORDER BY baseline DESC, position");
  row.bind(1, experiment);
  std::unordered_map<int64_t, size_t> places;
  while (row.executeStep()) {
    places[row.getColumn(0).getInt64()] = evidence.cells.size();
    evidence.cell_ids.push_back(row.getColumn(0).getInt64());
    evidence.cells.push_back(row.getColumn(1).getString());
  }
  return places;
}

void read_trials(SQLite::Database& database, const std::string& experiment, const std::unordered_map<int64_t, size_t>& places,
                 Evidence& evidence) {
  SQLite::Statement row(database, "SELECT id, cell_id, seed FROM v_trial WHERE experiment = ? AND current");
  row.bind(1, experiment);
  while (row.executeStep()) {
    const auto place = places.find(row.getColumn(1).getInt64());
    if (place != places.end()) evidence.trials.push_back({row.getColumn(0).getInt64(), row.getColumn(2).getInt64(), place->second, {}});
  }
  std::sort(evidence.trials.begin(), evidence.trials.end(),
            [](const auto& a, const auto& b) { return std::make_pair(a.cell, a.seed) < std::make_pair(b.cell, b.seed); });
  SQLite::Statement stage(database, "SELECT slot, stage FROM trial_stage WHERE trial = ?");
  std::map<std::string, size_t, std::less<>> slots;
  for (auto& trial : evidence.trials) {
    stage.reset();
    stage.bind(1, trial.id);
    while (stage.executeStep()) {
      const std::string_view name = stage.getColumn(0).getText();
      auto slot = slots.find(name);
      if (slot == slots.end()) {
        slot = slots.emplace(name, evidence.slots.size()).first;
        evidence.slots.emplace_back(name);
      }
      trial.stages.emplace_back(slot->second, stage.getColumn(1).getInt64());
    }
  }
  auto& trials = evidence.trials;
  trials.erase(std::remove_if(trials.begin(), trials.end(), [](const auto& trial) { return trial.stages.empty(); }), trials.end());
}

void read_stages(SQLite::Database& database, Evidence& evidence) {
  for (const auto& trial : evidence.trials)
    for (const auto& [slot, stage] : trial.stages) evidence.stages.try_emplace(stage);
  SQLite::Statement row(database, "SELECT id, coalesce(kind, ''), published FROM stage");
  std::vector<int64_t> unfinished;
  while (row.executeStep()) {
    const auto stage = evidence.stages.find(row.getColumn(0).getInt64());
    if (stage == evidence.stages.end()) continue;
    stage->second.kind = row.getColumn(1).getText();
    stage->second.done = !row.isColumnNull(2);
    stage->second.run = row.getColumn(2).getInt64();
    if (!stage->second.done) unfinished.push_back(stage->first);
  }
  SQLite::Statement state(database, "SELECT state, coalesce(error, '') FROM v_stage WHERE id = ?");
  for (const int64_t id : unfinished) {
    state.reset();
    state.bind(1, id);
    if (!state.executeStep()) continue;
    evidence.stages[id].state = state.getColumn(0).getString();
    evidence.stages[id].error = state.getColumn(1).getString();
  }
}

// Real data is scored with options of its own: how many images, say.
void read_calibration_options(SQLite::Database& database, Evidence& evidence) {
  SQLite::Statement row(database, "SELECT coalesce(json_extract(parts, '$.options'), '{}') FROM stage WHERE id = ?");
  for (const auto& trial : evidence.trials)
    for (const auto& [slot, id] : trial.stages) {
      auto& stage = evidence.stages.at(id);
      if (evidence.slots[slot] != kCalibration || !stage.options.empty()) continue;
      row.reset();
      row.bind(1, id);
      if (row.executeStep()) stage.options = row.getColumn(0).getString();
    }
}

void read_metrics(SQLite::Database& database, Evidence& evidence) {
  SQLite::Statement row(database, "SELECT id, kind, name, goal, unit, definition, revision, timing, axis = 'sample' FROM metric");
  while (row.executeStep()) {
    const auto text = [&](int i) { return row.getColumn(i).getString(); };
    evidence.metrics[row.getColumn(0).getInt64()] = {text(1),
                                                     text(2),
                                                     text(3),
                                                     text(4),
                                                     text(5),
                                                     row.getColumn(6).getInt64(),
                                                     row.getColumn(7).getInt() != 0,
                                                     row.getColumn(8).getInt() != 0};
  }
}

// Finished trials that are not current, and why: removed, though the newest front asked for them; of seeds that it does not ask for; of
// cells that it does not have. Of the removed ones the unfinished, too.
void read_left_out(SQLite::Database& database, const std::string& experiment, const std::unordered_map<int64_t, size_t>& places,
                   Evidence& evidence) {
  SQLite::Statement row(database,
                        "SELECT c.cell, v.seed, (v.removed OR c.removed) AND (e.front IS NULL OR t.front = e.front), c.current, c.id, NOT "
                        "EXISTS (SELECT 1 FROM trial_stage x JOIN stage s ON s.id = "
                        "x.stage WHERE x.trial = v.id AND s.published IS NULL) FROM v_trial v JOIN v_cell c ON c.id = v.cell_id "
                        "JOIN trial t ON t.id = v.id JOIN experiment e ON e.name = v.experiment WHERE v.experiment = ? AND NOT v.current "
                        "ORDER BY c.position, v.seed");
  row.bind(1, experiment);
  std::set<std::string> retired;
  while (row.executeStep()) {
    const auto cell = row.getColumn(0).getString();
    const auto trial = cell + "/" + std::to_string(row.getColumn(1).getInt64());
    const bool removed = row.getColumn(2).getInt() != 0, finished = row.getColumn(5).getInt() != 0;
    if (const auto place = places.find(row.getColumn(4).getInt64()); removed && place != places.end())
      evidence.removed.push_back({place->second, row.getColumn(1).getInt64()});
    if (!finished) continue;
    if (removed)
      evidence.removed_trials.push_back(trial);
    else if (row.getColumn(3).getInt() != 0)
      evidence.retired_trials.push_back(trial);
    else if (retired.insert(cell).second)
      evidence.retired.push_back(cell);
  }
}

}  // namespace

Evidence read_evidence(SQLite::Database& database, const std::string& experiment) {
  Evidence evidence;
  const auto places = read_cells(database, experiment, evidence);
  read_trials(database, experiment, places, evidence);
  read_stages(database, evidence);
  read_calibration_options(database, evidence);
  read_metrics(database, evidence);
  read_left_out(database, experiment, places, evidence);
  return evidence;
}

// The value of v_score, by stage: joining trials would repeat what they share.
void read_values(SQLite::Database& database, Evidence& evidence) {
  const auto add = [&](SQLite::Statement& row, EvidenceStage& stage) {
    const int64_t metric = row.getColumn(1).getInt64();
    const auto& about = evidence.metrics.at(metric);
    if ((stage.kind == "tokenizer" || stage.kind == "prior") && !about.by_sample)
      stage.steps = std::max(stage.steps, row.getColumn(6).getInt64());
    if (stage.kind != "evaluation" && about.goal == "none") return;
    const int64_t numbers = row.getColumn(4).getInt64();
    const double mean = numbers > 0 ? column_or_nan(row, 3) / static_cast<double>(numbers) : kNoNumber;
    stage.values.push_back({metric, about.by_sample ? mean : column_or_nan(row, 2), row.getColumn(5).getInt64(), numbers});
  };
  const std::string columns = "SELECT stage, metric, last, sum, n - n_nan, n, steps FROM summary ";
  SQLite::Statement count(database, "SELECT count(*) FROM stage");
  count.executeStep();
  // Where most of the ledger is this experiment, one pass is faster than thousands of look-ups.
  if (count.getColumn(0).getInt64() < 2 * static_cast<int64_t>(evidence.stages.size())) {
    SQLite::Statement row(database, columns + "ORDER BY stage, metric");
    auto stage = evidence.stages.end();
    for (int64_t last = -1; row.executeStep();) {
      if (const int64_t id = row.getColumn(0).getInt64(); id != last) stage = evidence.stages.find(last = id);
      if (stage != evidence.stages.end() && stage->second.done) add(row, stage->second);
    }
    return;
  }
  SQLite::Statement row(database, columns + "WHERE stage = ? ORDER BY metric");
  for (auto& [id, stage] : evidence.stages) {
    if (!stage.done) continue;
    row.reset();
    row.bind(1, id);
    while (row.executeStep()) add(row, stage);
  }
}

}  // namespace tessera
