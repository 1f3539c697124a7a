#include "experiment/trials/removal.hpp"

#include <SQLiteCpp/Statement.h>

#include "experiment/run/front_journal.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {

// Trials of the subject: ?1 experiment, ?2 hash or NULL, ?3 seed or NULL.
constexpr const char* kOfSubject = "v.current AND v.experiment = ?1 AND (?2 IS NULL OR v.cell_hash = ?2) AND (?3 IS NULL OR v.seed = ?3)";

void bind(SQLite::Statement& row, const Subject& subject) {
  row.bind(1, subject.experiment_name);
  if (!subject.cell_hash.empty()) row.bind(2, subject.cell_hash);
  if (subject.seed) row.bind(3, *subject.seed);
}

}  // namespace

Removal find_removal(SQLite::Database& database, const Subject& subject) {
  Removal removal;
  SQLite::Statement trial(database, std::string("SELECT v.trial, v.state FROM v_trial v WHERE ") + kOfSubject + " ORDER BY v.id");
  bind(trial, subject);
  while (trial.executeStep()) {
    removal.trials.push_back(trial.getColumn(0).getString());
    if (trial.getColumn(1).getString() == "running") removal.running.push_back(removal.trials.back());
  }
  SQLite::Statement stages(database, std::string("WITH of_subject AS (SELECT v.id FROM v_trial v WHERE ") + kOfSubject +
                                         "), others AS (SELECT DISTINCT x.stage FROM v_trial v JOIN trial_stage x ON x.trial = v.id WHERE "
                                         "v.current AND v.id NOT IN of_subject) SELECT stage IN others, count(DISTINCT stage) FROM "
                                         "trial_stage WHERE trial IN of_subject GROUP BY 1");
  bind(stages, subject);
  while (stages.executeStep())
    (stages.getColumn(0).getInt() != 0 ? removal.stages_shared : removal.stages_alone) = stages.getColumn(1).getInt64();
  return removal;
}

void write_removal(const std::filesystem::path& results, const std::vector<std::string>& argv, const Subject& subject) {
  FrontJournal journal(results, argv);
  Json line = subject.facts();
  line["t"] = "remove";
  journal.write(std::move(line));
  journal.end("done", 0);
  record(results);
}

}  // namespace tessera
