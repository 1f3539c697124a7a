// diff: all that two trials do not share: options with where they come from, stages, plugins, and what they ran on.
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "cli/ledger/ledger_access.hpp"
#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr Section kSections[] = {
    {"seed", "SELECT a.seed AS first, b.seed AS second FROM trial a, trial b WHERE a.id = ?1 AND b.id = ?2 AND a.seed <> b.seed"},
    {"options",
     "WITH a AS (SELECT o.* FROM trial t JOIN option o ON o.cell = t.cell WHERE t.id = ?1), "
     "b AS (SELECT o.* FROM trial t JOIN option o ON o.cell = t.cell WHERE t.id = ?2) "
     "SELECT coalesce(a.key, b.key) AS key, a.value AS first, b.value AS second, a.origin AS first_origin, b.origin AS second_origin "
     "FROM a FULL JOIN b ON a.key = b.key WHERE a.value IS NOT b.value ORDER BY 1"},
    {"stages",
     "WITH a AS (SELECT * FROM trial_stage WHERE trial = ?1), b AS (SELECT * FROM trial_stage WHERE trial = ?2) "
     "SELECT coalesce(a.slot, b.slot) AS slot, p.key AS first, q.key AS second FROM a FULL JOIN b ON a.slot = b.slot "
     "LEFT JOIN stage p ON p.id = a.stage LEFT JOIN stage q ON q.id = b.stage WHERE a.stage IS NOT b.stage ORDER BY 1"},
    {"data",
     "WITH used AS (SELECT x.trial, json_extract(s.parts, '$.source') AS source, json_extract(s.parts, '$.fingerprint') AS fingerprint "
     "FROM trial_stage x JOIN stage s ON s.id = x.stage WHERE x.slot = 'data'), "
     "a AS (SELECT * FROM used WHERE trial = ?1), b AS (SELECT * FROM used WHERE trial = ?2) "
     "SELECT a.source AS first, b.source AS second, substr(a.fingerprint, 1, 12) AS first_files, substr(b.fingerprint, 1, 12) AS "
     "second_files FROM a, b WHERE a.source IS NOT b.source OR a.fingerprint IS NOT b.fingerprint"},
    {"plugins",
     "WITH used AS (SELECT DISTINCT x.trial, u.slot, p.name, p.revision, p.sha256 FROM trial_stage x JOIN stage s ON s.id = x.stage "
     "JOIN stage_plugin u ON u.stage = s.id AND u.run = s.published JOIN plugin p ON p.id = u.plugin), "
     "a AS (SELECT * FROM used WHERE trial = ?1), b AS (SELECT * FROM used WHERE trial = ?2) "
     "SELECT coalesce(a.slot, b.slot) AS slot, a.name AS first, b.name AS second, a.revision AS first_revision, b.revision AS "
     "second_revision, substr(a.sha256, 1, 12) AS first_file, substr(b.sha256, 1, 12) AS second_file "
     "FROM a FULL JOIN b ON a.slot = b.slot AND a.name = b.name WHERE a.sha256 IS NOT b.sha256 ORDER BY 1"},
    {"environment",
     "WITH run_env AS (SELECT DISTINCT x.trial, substr(j.fullkey, 3) AS key, j.atom AS value FROM trial_stage x JOIN stage s ON s.id = "
     "x.stage JOIN run r ON r.stage = s.id AND r.n = s.published JOIN env e ON e.id = r.env, json_tree(e.content) j WHERE j.atom IS NOT "
     "NULL), "
     "said AS (SELECT trial, key, group_concat(value, ' | ') AS value FROM (SELECT * FROM run_env ORDER BY trial, key, value) GROUP BY "
     "trial, key), "
     "a AS (SELECT * FROM said WHERE trial = ?1), b AS (SELECT * FROM said WHERE trial = ?2) "
     "SELECT coalesce(a.key, b.key) AS key, a.value AS first, b.value AS second FROM a FULL JOIN b ON a.key = b.key "
     "WHERE a.value IS NOT b.value ORDER BY 1"},
};

std::string trial_id(SQLite::Database& database, const std::string& word) {
  SQLite::Statement row(database, "SELECT id FROM v_trial WHERE trial = ?1 ORDER BY current DESC");
  row.bind(1, word);
  if (row.executeStep()) return std::to_string(row.getColumn(0).getInt64());
  SQLite::Statement all(database, "SELECT trial FROM v_trial WHERE current");
  std::vector<std::string> names;
  while (all.executeStep()) names.push_back(all.getColumn(0).getString());
  const auto near = did_you_mean(word, names);
  throw Error(ExitCode::bad_config, fmt::format("diff: found no trial '{}', expected experiment/cell/seed as `tessera ls` lists them{}",
                                                word, near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

int diff(SQLite::Database& database, const CommonOptions& common, const std::string& first, const std::string& second) {
  const std::vector<std::string> ids = {trial_id(database, first), trial_id(database, second)};
  Json all = {{"first", first}, {"second", second}};
  bool same = true;
  for (const auto& section : kSections) {
    const Table table = query(database, section.sql, ids);
    all[section.title] = to_json(table);
    if (table.rows.empty()) continue;
    if (!common.json) fmt::print("{}{}\n{}", same ? "" : "\n", section.title, to_text(table));
    same = false;
  }
  if (common.json)
    print_json(all);
  else if (same)
    fmt::print("{} and {} differ in nothing that is on record\n", first, second);
  return 0;
}

}  // namespace

int verb_diff(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 2, 2)) return 0;
  auto database = open_ledger(line.common());
  return with_ledger_errors(ledger_file(line.common().results),
                            [&] { return diff(database, line.common(), line.words()[0], line.words()[1]); });
}

}  // namespace tessera
