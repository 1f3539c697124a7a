#include "experiment/compare/evidence.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <map>

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

void read_trials(SQLite::Database& database, const std::string& experiment, Evidence& evidence) {
  const auto places = read_cells(database, experiment, evidence);
  SQLite::Statement row(database,
                        "SELECT v.id, t.cell, v.seed, x.slot, x.stage FROM v_trial v JOIN trial t ON t.id = v.id JOIN trial_stage x ON "
                        "x.trial = t.id WHERE v.experiment = ? AND v.current");
  row.bind(1, experiment);
  std::map<std::string, size_t> slots;
  std::map<std::pair<size_t, int64_t>, EvidenceTrial> trials;  // by cell and seed
  while (row.executeStep()) {
    const auto place = places.find(row.getColumn(1).getInt64());
    if (place == places.end()) continue;
    const int64_t seed = row.getColumn(2).getInt64();
    auto& trial = trials[{place->second, seed}];
    trial.id = row.getColumn(0).getInt64(), trial.cell = place->second, trial.seed = seed;
    const auto [slot, is_new] = slots.emplace(row.getColumn(3).getText(), evidence.slots.size());
    if (is_new) evidence.slots.push_back(slot->first);
    trial.stages.emplace_back(slot->second, row.getColumn(4).getInt64());
  }
  for (auto& [place, trial] : trials) evidence.trials.push_back(std::move(trial));
}

void read_stages(SQLite::Database& database, Evidence& evidence) {
  for (const auto& trial : evidence.trials)
    for (const auto& [slot, stage] : trial.stages) evidence.stages.try_emplace(stage);
  SQLite::Statement row(database, "SELECT id, coalesce(kind, ''), published IS NOT NULL FROM stage");
  std::vector<int64_t> unfinished;
  while (row.executeStep()) {
    const auto stage = evidence.stages.find(row.getColumn(0).getInt64());
    if (stage == evidence.stages.end()) continue;
    stage->second.kind = row.getColumn(1).getText();
    stage->second.done = row.getColumn(2).getInt() != 0;
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
    while (row.executeStep())
      if (const auto stage = evidence.stages.find(row.getColumn(0).getInt64()); stage != evidence.stages.end() && stage->second.done)
        add(row, stage->second);
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

void read_retired(SQLite::Database& database, const std::string& experiment, Evidence& evidence) {
  SQLite::Statement row(
      database,
      "SELECT DISTINCT c.cell FROM v_cell c WHERE c.experiment = ? AND NOT c.current AND NOT c.removed AND EXISTS (SELECT 1 FROM trial t "
      "WHERE t.cell = c.id AND NOT EXISTS (SELECT 1 FROM trial_stage x JOIN stage s ON s.id = x.stage "
      "WHERE x.trial = t.id AND s.published IS NULL)) ORDER BY c.position");
  row.bind(1, experiment);
  while (row.executeStep()) evidence.retired.push_back(row.getColumn(0).getString());
}

}  // namespace

Evidence read_evidence(SQLite::Database& database, const std::string& experiment) {
  Evidence evidence;
  read_trials(database, experiment, evidence);
  read_stages(database, evidence);
  read_metrics(database, evidence);
  read_values(database, evidence);
  read_retired(database, experiment, evidence);
  return evidence;
}

}  // namespace tessera
