// What a report shows. Every table is the answer to a question in SQL, and the question is kept beside it: what the reader sees is
// what `tessera query` prints for it.
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <ctime>

#include "core/error.hpp"
#include "core/files.hpp"
#include "experiment/compare/comparison.hpp"
#include "experiment/pictures/picture_grid.hpp"
#include "experiment/report/curves.hpp"
#include "experiment/report/report.hpp"
#include "registry/ledger/query.hpp"

namespace tessera {
namespace {

constexpr int64_t kMostPictured = 40;  // cells; more would be a picture taller than what a browser shows

struct Question {
  const char* name;
  const char* sql;  // ?1: the experiment. Without double quotes, $ and backslashes: it is pasted into a shell.
};

#define TESSERA_STAGES                                                                                                             \
  "(SELECT DISTINCT x.stage, x.slot FROM v_trial t JOIN trial_stage x ON x.trial = t.id WHERE t.experiment = ?1 AND t.current) u " \
  "JOIN stage s ON s.id = u.stage"
#define TESSERA_OPTIONS                                                                                                                  \
  "WITH o AS (SELECT c.cell, c.position, o.key, o.value, o.origin FROM v_cell c JOIN option o ON o.cell = c.id WHERE c.experiment = ?1 " \
  "AND c.current), g AS (SELECT key, min(value) AS value, min(origin) AS origin, count(DISTINCT value) > 1 OR count(*) < (SELECT "       \
  "count(*) FROM v_cell "                                                                                                                \
  "WHERE experiment = ?1 AND current) AS varies FROM o GROUP BY key) "

constexpr Question kTables[] = {
    {"cells", "SELECT cell, baseline, axes FROM v_cell WHERE experiment = ?1 AND current ORDER BY baseline DESC, position"},
    {"trials", "SELECT trial, cell, seed, state FROM v_trial WHERE experiment = ?1 AND current ORDER BY trial"},
    {"varying",
     TESSERA_OPTIONS "SELECT o.key, o.cell, o.value, o.origin FROM o JOIN g ON g.key = o.key WHERE g.varies ORDER BY o.key, o.position"},
    {"fixed", TESSERA_OPTIONS "SELECT key, value, origin FROM g WHERE NOT varies ORDER BY key"},
    {"unfinished",
     "SELECT t.trial, t.state, x.slot, v.state AS stage_state, v.error FROM v_trial t JOIN trial_stage x ON x.trial = t.id "
     "JOIN v_stage v ON v.id = x.stage WHERE t.experiment = ?1 AND t.current AND v.state <> 'done' ORDER BY t.trial, x.slot"},
    {"nan",
     "SELECT cell, seed, slot, metric, n_nan, n FROM v_score WHERE experiment = ?1 AND current AND done AND n_nan > 0 "
     "ORDER BY slot, metric, cell, seed"},
    {"notes",
     "SELECT target, kind, text, datetime(time, 'unixepoch') AS time, cell_hash IS NULL AND stage IS NULL AS whole FROM v_tag "
     "WHERE experiment = ?1 OR stage IN (SELECT s.key FROM " TESSERA_STAGES ") ORDER BY v_tag.time, target"},
    {"plugins",
     "SELECT p.kind, p.name AS plugin, p.revision, p.version, p.sha256, group_concat(DISTINCT s.kind) AS stages_of, count(DISTINCT s.id) "
     "AS stages "
     "FROM " TESSERA_STAGES " JOIN stage_plugin y ON y.stage = s.id AND y.run = s.published JOIN plugin p ON p.id = y.plugin "
     "GROUP BY p.id ORDER BY p.kind, p.name"},
    {"environments",
     "SELECT e.content AS environment, group_concat(DISTINCT s.kind) AS stages_of, count(DISTINCT s.id) AS stages, "
     "sum(r.seconds) AS seconds, sum(r.cpu_seconds) AS cpu_seconds FROM " TESSERA_STAGES
     " JOIN run r ON r.stage = s.id AND r.n = s.published LEFT JOIN env e ON e.id = r.env GROUP BY e.id ORDER BY stages DESC"},
};

// Questions whose answers the page draws rather than lists; those it shows need more than SQL (intervals), or more rows than a page holds.
constexpr Question kDrawn[] = {
    {"comparison",
     "SELECT cell, slot, metric, avg(value) AS mean, count(value) AS n FROM (SELECT DISTINCT cell, slot, stage, metric, value FROM v_score "
     "WHERE experiment = ?1 AND current AND done AND (slot LIKE 'evaluation.%' OR goal <> 'none')) GROUP BY cell, slot, metric"},
    {"effects",
     "SELECT DISTINCT a.seed, a.slot, a.value AS value, b.value AS baseline, a.value - b.value AS difference FROM v_score a JOIN v_score b "
     "ON "
     "b.experiment = a.experiment AND b.current AND b.done AND b.slot = a.slot AND b.metric = a.metric AND b.seed = a.seed AND b.stage <> "
     "a.stage "
     "WHERE a.experiment = ?1 AND a.current AND a.done AND a.metric = ?2 AND a.cell = ?3 AND b.cell = ?4 ORDER BY a.slot, a.seed"},
    {"samples",
     "SELECT DISTINCT a.seed, a.slot, a.step AS sample, a.value AS value, b.value AS baseline, a.value - b.value AS difference FROM "
     "v_curve a "
     "JOIN v_curve b ON b.experiment = a.experiment AND b.slot = a.slot AND b.metric = a.metric AND b.seed = a.seed AND b.step = a.step "
     "AND b.current AND b.stage <> a.stage WHERE a.experiment = ?1 AND a.current AND a.metric = ?2 AND a.cell = ?3 AND b.cell = ?4 ORDER "
     "BY a.slot, a.seed, a.step"},
    {"cost",
     "SELECT cell, slot, avg(cpu_seconds) AS cpu_seconds, count(*) AS stages FROM (SELECT DISTINCT t.cell, x.slot, v.stage, v.cpu_seconds "
     "FROM v_trial t JOIN trial_stage x ON x.trial = t.id JOIN v_stage v ON v.id = x.stage WHERE t.experiment = ?1 AND t.current "
     "AND v.state = 'done' AND v.kind <> 'evaluation') GROUP BY cell, slot"},
    {"curves",
     "SELECT cell, slot, step, avg(value) AS mean, min(value) AS min, max(value) AS max, count(*) AS stages FROM "
     "(SELECT DISTINCT cell, slot, stage, step, value FROM v_curve WHERE experiment = ?1 AND slot = ?2 AND metric = ?3 AND current) "
     "GROUP BY cell, slot, step ORDER BY cell, step"},
    {"frontier",
     "SELECT q.cell, q.slot, avg(c.value) AS cost, avg(q.value) AS quality FROM v_score q JOIN v_score c ON c.experiment = q.experiment "
     "AND c.cell_hash = q.cell_hash AND c.seed = q.seed AND c.slot = replace(q.slot, 'evaluation.', '') AND c.metric = ?2 "
     "WHERE q.experiment = ?1 AND q.current AND q.done AND c.done AND q.slot LIKE 'evaluation.samples.%' AND q.metric = ?3 GROUP BY "
     "q.cell, q.slot"},
    {"parallel",
     "SELECT cell, slot, key, option, avg(value) AS mean FROM (SELECT DISTINCT s.cell, s.slot, s.stage, o.key, o.value AS option, s.value "
     "FROM v_score s JOIN v_cell c ON c.experiment = s.experiment AND c.cell_hash = s.cell_hash JOIN option o ON o.cell = c.id "
     "WHERE s.experiment = ?1 AND s.current AND s.done AND o.key = ?2 AND s.metric = ?3) GROUP BY cell, slot"},
    {"pictures",
     "SELECT cell, seed, slot, idx, label, logprob, png FROM v_sample WHERE experiment = ?1 AND current ORDER BY slot, cell, seed, idx "
     "LIMIT 64"},
};
#undef TESSERA_STAGES
#undef TESSERA_OPTIONS

Json table_json(SQLite::Database& database, const Question& question, const std::string& experiment) {
  const Table table = query(database, question.sql, {experiment});
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json cells = Json::array();
    for (const auto& value : row) cells.push_back(to_json(value));
    rows.push_back(std::move(cells));
  }
  return {{"columns", table.columns}, {"rows", std::move(rows)}, {"sql", question.sql}};
}

// Which rows of a part are on the frontier of a counted cost and a quality. Their numbers stand in the comparison.
Json frontiers_json(const Comparison& comparison) {
  Json list = Json::array();
  for (const auto& frontier : comparison.frontiers) {
    if (frontier.cost.timing) continue;
    Json members = Json::array();
    for (const auto& point : frontier.points)
      if (point.on_frontier) members.push_back(point.row);
    list.push_back(
        {{"part", frontier.part}, {"cost", frontier.cost.name}, {"quality", frontier.quality.name}, {"members", std::move(members)}});
  }
  return list;
}

Json pictures_json(SQLite::Database& database, const std::filesystem::path& results, const std::string& experiment,
                   std::vector<std::string>& notes) {
  try {
    GridRequest request;
    request.experiment = experiment;
    const Table cells =
        query(database, "SELECT cell FROM v_cell WHERE experiment = ?1 AND current ORDER BY baseline DESC, position", {experiment});
    if (static_cast<int64_t>(cells.rows.size()) > kMostPictured) {
      for (int64_t i = 0; i < kMostPictured; ++i) request.cells.push_back(std::get<std::string>(cells.rows[static_cast<size_t>(i)][0]));
      notes.push_back(fmt::format("pictures: those of the first {} of {} cells are shown; `tessera grid {}` draws all", kMostPictured,
                                  cells.rows.size(), experiment));
    }
    const auto grid = draw_grid(database, results, request);
    notes.insert(notes.end(), grid.notes.begin(), grid.notes.end());
    return {{{"seed", grid.seed},
             {"rows", grid.rows},
             {"width", grid.image.width},
             {"height", grid.image.height},
             {"src", "data:image/png;base64," + base64_encode(encode_png(grid.image))}}};
  } catch (const Error& error) {
    // A report of an experiment without samples is a report.
    const std::string what = error.what(), verb = "grid: ";
    notes.push_back("no pictures: " + (what.rfind(verb, 0) == 0 ? what.substr(verb.size()) : what));
    return Json::array();
  }
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

}  // namespace

Json report_data(SQLite::Database& database, const std::filesystem::path& results, const ReportRequest& request,
                 std::vector<std::string>& notes) {
  // One transaction: one state of the ledger in all tables, and one lock instead of one a question.
  SQLite::Transaction snapshot(database);
  auto comparison = compare(database, {request.experiment, {}, FrontierDetail::kMembers});
  Json frontiers = frontiers_json(comparison);
  comparison.frontiers.clear();
  Json tables = Json::object(), sql = Json::object();
  for (const auto& question : kTables) tables[question.name] = table_json(database, question, comparison.experiment);
  for (const auto& question : kDrawn) sql[question.name] = question.sql;
  Json curves = training_curves(database, comparison.experiment);
  snapshot.commit();
  Json pictures = request.pictures ? pictures_json(database, results, comparison.experiment, notes) : Json::array();
  return {{"experiment", comparison.experiment},
          {"question", comparison.question},
          {"source", comparison.source},
          {"baseline", comparison.baseline},
          {"written", now_utc()},
          {"tables", std::move(tables)},
          {"sql", std::move(sql)},
          {"comparison", to_json(comparison)},
          {"frontiers", std::move(frontiers)},
          {"curves", std::move(curves)},
          {"pictures", std::move(pictures)},
          {"notes", notes}};
}

}  // namespace tessera
