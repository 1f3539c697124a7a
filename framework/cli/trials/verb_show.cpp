// show: one trial (experiment/cell/seed) or one stage (its key, or the beginning of it), with where everything comes from.
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "cli/ledger/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr Section kTrialSections[] = {
    {"marks",
     "SELECT DISTINCT m.kind, m.text, m.target AS of, datetime(m.time, 'unixepoch') AS time FROM v_trial v JOIN v_tag m ON (m.stage IS "
     "NULL AND m.experiment = v.experiment AND (m.cell_hash IS NULL OR m.cell_hash = v.cell_hash) AND (m.seed IS NULL OR m.seed = v.seed)) "
     "OR m.stage IN (SELECT s.key FROM trial_stage x JOIN stage s ON s.id = x.stage WHERE x.trial = v.id) WHERE v.id = ?1 "
     "ORDER BY m.kind DESC, m.time"},
    {"stages",
     "SELECT x.slot, v.kind || '-' || v.stage AS stage, v.state, v.runs, v.cpu_seconds AS cpu_s, v.trials AS shared_by, v.error FROM "
     "trial_stage x "
     "JOIN v_stage v ON v.id = x.stage WHERE x.trial = ?1"},
    {"options set",
     "SELECT o.key, o.value, o.origin FROM trial t JOIN option o ON o.cell = t.cell WHERE t.id = ?1 AND o.origin <> 'default'"},
    {"numbers",
     "SELECT m.name AS metric, x.slot, CASE m.axis WHEN 'sample' THEN y.sum / nullif(y.n - y.n_nan, 0) ELSE y.last END AS value, m.unit, "
     "y.n, y.n_nan "
     "FROM trial_stage x JOIN summary y ON y.stage = x.stage JOIN metric m ON m.id = y.metric WHERE x.trial = ?1 ORDER BY x.slot, m.id"},
};

constexpr Section kStageSections[] = {
    {"marks",
     "SELECT m.kind, m.text, datetime(m.time, 'unixepoch') AS time FROM v_tag m JOIN stage s ON s.key = m.stage WHERE s.id = ?1 "
     "ORDER BY m.kind DESC, m.time"},
    {"runs",
     "SELECT r.n AS run, r.state, r.from_step, datetime(r.started, 'unixepoch') AS started, r.seconds, r.cpu_seconds AS cpu_s, r.exit_code "
     "AS exit, "
     "r.error, j.path AS journal FROM run r LEFT JOIN journal j ON j.id = r.journal WHERE r.stage = ?1 ORDER BY r.n"},
    {"inputs",
     "SELECT x.slot, coalesce(i.kind, '?') || '-' || i.key AS stage, i.published IS NOT NULL AS published FROM stage_input x "
     "JOIN stage i ON i.id = x.input WHERE x.stage = ?1"},
    {"plugins",
     "SELECT DISTINCT x.slot, p.name, p.revision, p.sha256 FROM stage_plugin x JOIN plugin p ON p.id = x.plugin WHERE x.stage = ?1"},
    {"outputs", "SELECT a.name, a.bytes, a.sha256, a.run FROM artifact a WHERE a.stage = ?1 ORDER BY a.run, a.name"},
    {"numbers",
     "SELECT m.name AS metric, y.last, y.min, y.max, y.sum / nullif(y.n - y.n_nan, 0) AS mean, m.unit, y.n, y.n_nan, y.steps FROM summary "
     "y "
     "JOIN metric m ON m.id = y.metric WHERE y.stage = ?1 ORDER BY m.id"},
    {"events", "SELECT r.n AS run, e.level, e.text FROM run r JOIN event e ON e.journal = r.journal WHERE r.stage = ?1 ORDER BY r.n, e.q"},
    {"trials", "SELECT t.trial, x.slot, t.current FROM trial_stage x JOIN v_trial t ON t.id = x.trial WHERE x.stage = ?1 ORDER BY t.id"},
};

// For reading: flags in words, and no column of NaN counts where there is no NaN.
Table readable(Table table) {
  for (size_t i = table.columns.size(); i-- > 0;) {
    const auto& name = table.columns[i];
    const bool flag = name == "current" || name == "hollow" || name == "published";
    bool counted = false;
    for (auto& row : table.rows) {
      const auto* number = std::get_if<int64_t>(&row[i]);
      counted = counted || (number && *number != 0);
      if (flag && number) row[i] = std::string(*number != 0 ? "yes" : "no");
    }
    if (name != "n_nan" || counted) continue;
    table.columns.erase(table.columns.begin() + static_cast<int64_t>(i));
    for (auto& row : table.rows) row.erase(row.begin() + static_cast<int64_t>(i));
  }
  return table;
}

template <size_t N>
int show(SQLite::Database& database, const CommonOptions& common, const char* head_sql, const Section (&sections)[N], int64_t id) {
  const Table about = query(database, head_sql, {std::to_string(id)});
  Json head = to_json(about).at(0);
  if (!common.json) fmt::print("{}", to_text(readable(about)));
  for (const auto& section : sections) {
    const Table table = query(database, section.sql, {std::to_string(id)});
    if (common.json)
      head[section.title] = to_json(table);
    else if (!table.rows.empty())
      fmt::print("\n{}\n{}", section.title, to_text(readable(table)));
  }
  if (common.json) print_json(head);
  return 0;
}

std::vector<std::pair<int64_t, std::string>> matches(SQLite::Database& database, const char* sql, const std::string& word) {
  SQLite::Statement row(database, sql);
  row.bind(1, word);
  std::vector<std::pair<int64_t, std::string>> found;
  while (row.executeStep() && found.size() < 9) found.emplace_back(row.getColumn(0).getInt64(), row.getColumn(1).getString());
  return found;
}

int show_word(SQLite::Database& database, const CommonOptions& common, std::string word) {
  const auto trials = matches(database, "SELECT id, trial FROM v_trial WHERE trial = ?1 ORDER BY current DESC", word);
  if (!trials.empty())
    return show(database, common,
                "SELECT trial, state, current, stages_done || ' of ' || stages AS stages, cpu_seconds AS cpu_s FROM v_trial WHERE id = ?1",
                kTrialSections, trials[0].first);
  // "prior-4f2a…", as folders are named, or the key alone.
  const auto stages = matches(database,
                              "SELECT id, kind || '-' || key FROM stage WHERE kind IS NOT NULL AND length(?1) >= 4 AND "
                              "(substr(key, 1, length(?1)) = ?1 OR substr(kind || '-' || key, 1, length(?1)) = ?1)",
                              word);
  if (stages.size() == 1)
    return show(database, common, "SELECT kind, stage, state, published AS published_run, hollow FROM v_stage WHERE id = ?1",
                kStageSections, stages[0].first);
  if (stages.empty())
    throw Error(ExitCode::bad_config,
                fmt::format("show: found '{}', expected a trial (experiment/cell/seed; `tessera ls EXPERIMENT` lists them) or a "
                            "stage's key (four digits at least)",
                            word));
  std::vector<std::string> names;
  for (const auto& [id, name] : stages) names.push_back(name);
  throw Error(ExitCode::bad_config, fmt::format("show: '{}' begins more than one stage's key: {}", word, fmt::join(names, ", ")));
}

}  // namespace

int verb_show(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 1, 1)) return 0;
  auto database = open_ledger(line.common());
  return with_ledger_errors(ledger_file(line.common().results), [&] { return show_word(database, line.common(), line.words()[0]); });
}

}  // namespace tessera
