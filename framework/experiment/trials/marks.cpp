#include "experiment/trials/marks.hpp"

#include <SQLiteCpp/Statement.h>

#include <set>

#include "core/machine.hpp"
#include "experiment/run/front_journal.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {

bool Mark::is_of(const Subject& subject) const {
  if (subject.kind == Subject::stage) return stage == subject.stage_key;
  return stage.empty() && experiment == subject.experiment_name && cell_hash == subject.cell_hash && seed == subject.seed;
}

std::vector<Mark> read_marks(SQLite::Database& database, const std::string& kind) {
  SQLite::Statement row(
      database,
      "SELECT coalesce((SELECT v.experiment || '/' || v.cell || coalesce('/' || t.seed, '') FROM v_cell v WHERE v.experiment = "
      "t.experiment "
      "AND v.cell_hash = t.cell_hash), target), coalesce(experiment, ''), coalesce(cell_hash, ''), seed, coalesce(stage, ''), text, "
      "coalesce(time, 0) FROM v_tag t WHERE kind = ? ORDER BY time, target, text");
  row.bind(1, kind);
  std::vector<Mark> marks;
  while (row.executeStep()) {
    const auto text = [&](int i) { return row.getColumn(i).getString(); };
    Mark mark{kind, text(0), text(1), text(2), std::nullopt, text(4), text(5), row.getColumn(6).getDouble()};
    if (!row.isColumnNull(3)) mark.seed = row.getColumn(3).getInt64();
    marks.push_back(std::move(mark));
  }
  return marks;
}

void write_mark(const std::filesystem::path& results, const std::vector<std::string>& argv, const std::string& kind, const Subject& subject,
                const std::string& text, bool removed) {
  FrontJournal journal(results, argv);
  Json line = subject.facts();
  line.update({{"t", kind}, {"text", text}, {"time", epoch_seconds()}});
  if (removed) line["removed"] = true;
  journal.write(std::move(line));
  journal.end("done", 0);
  record(results);
}

std::map<int64_t, std::vector<std::string>> tags_of_trials(SQLite::Database& database) {
  std::map<int64_t, std::set<std::string>> tags;
  SQLite::Statement row(
      database,
      "SELECT t.id, v.text FROM v_tag v JOIN experiment e ON e.name = v.experiment JOIN cell c ON c.experiment = e.id AND "
      "(v.cell_hash IS NULL OR c.hash = v.cell_hash) JOIN trial t ON t.cell = c.id AND (v.seed IS NULL OR t.seed = v.seed) "
      "WHERE v.kind = 'tag' AND v.stage IS NULL UNION ALL "
      "SELECT x.trial, v.text FROM v_tag v JOIN stage s ON s.key = v.stage JOIN trial_stage x ON x.stage = s.id "
      "WHERE v.kind = 'tag'");
  while (row.executeStep()) tags[row.getColumn(0).getInt64()].insert(row.getColumn(1).getString());
  std::map<int64_t, std::vector<std::string>> lists;
  for (const auto& [trial, texts] : tags) lists[trial] = {texts.begin(), texts.end()};
  return lists;
}

}  // namespace tessera
