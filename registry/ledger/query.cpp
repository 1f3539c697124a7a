#include "registry/ledger/query.hpp"

#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/option_schema.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

int authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION: return second && std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:  // those that describe the schema
      for (const char* allowed : {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"})
        if (first && std::string_view(first) == allowed) return SQLITE_OK;
      return SQLITE_DENY;
    default: return SQLITE_DENY;
  }
}

// The authorizer holds while a question is compiled; our own statements are not asked.
class ReadingOnly {
 public:
  explicit ReadingOnly(SQLite::Database& database) : handle_(database.getHandle()) {
    // The table-valued functions of JSON declare themselves by a CREATE TABLE at their first use; here, before that is forbidden.
    database.exec("SELECT 1 FROM json_each('[]'), json_tree('[]')");
    sqlite3_set_authorizer(handle_, authorize, nullptr);
  }
  ~ReadingOnly() { sqlite3_set_authorizer(handle_, nullptr, nullptr); }

 private:
  sqlite3* handle_;
};

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

constexpr const char* kReadsOnly = "the ledger is read-only: found a statement that does more than read, expected a SELECT";

[[noreturn]] void refuse(const std::string& text) { throw Error(ExitCode::bad_config, "query: " + text); }

std::unique_ptr<sqlite3_stmt, Finalize> prepare(sqlite3* handle, const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(handle, sql.c_str(), static_cast<int>(sql.size()), &raw, &tail);
  std::unique_ptr<sqlite3_stmt, Finalize> statement(raw);
  const std::string reason = code == SQLITE_OK ? "" : sqlite3_errmsg(handle);
  if (code == SQLITE_AUTH || reason.rfind("not authorized", 0) == 0) refuse(kReadsOnly);
  if (code != SQLITE_OK) {
    const int offset = sqlite3_error_offset(handle);
    refuse(reason + (offset >= 0 ? fmt::format(" (at character {})", offset + 1) : ""));
  }
  if (!statement) refuse("found no statement, expected a SELECT");
  sqlite3_stmt* second = nullptr;
  const bool more = sqlite3_prepare_v2(handle, tail, -1, &second, nullptr) != SQLITE_OK || second != nullptr;
  sqlite3_finalize(second);
  if (more) refuse("found more than one statement, expected one");
  if (!sqlite3_stmt_readonly(statement.get())) refuse(kReadsOnly);
  return statement;
}

void bind_arguments(sqlite3_stmt* statement, const std::vector<std::string>& arguments) {
  const int expected = sqlite3_bind_parameter_count(statement);
  if (static_cast<int>(arguments.size()) > expected)
    refuse(fmt::format("found {} arguments, expected at most {}", arguments.size(), expected));
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& text = arguments[i];
    const char *begin = text.data(), *end = begin + text.size();
    const int index = static_cast<int>(i) + 1;
    int64_t integer = 0;
    double number = 0;
    if (auto read = std::from_chars(begin, end, integer); read.ec == std::errc() && read.ptr == end)
      sqlite3_bind_int64(statement, index, integer);
    else if (auto real = std::from_chars(begin, end, number); real.ec == std::errc() && real.ptr == end)
      sqlite3_bind_double(statement, index, number);
    else
      sqlite3_bind_text(statement, index, text.c_str(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  }
}

Value column(sqlite3_stmt* row, int i) {
  switch (sqlite3_column_type(row, i)) {
    case SQLITE_INTEGER: return static_cast<int64_t>(sqlite3_column_int64(row, i));
    case SQLITE_FLOAT: return sqlite3_column_double(row, i);
    case SQLITE_TEXT: {
      const char* text = reinterpret_cast<const char*>(sqlite3_column_text(row, i));
      return std::string(text, static_cast<size_t>(sqlite3_column_bytes(row, i)));
    }
    case SQLITE_BLOB: {
      const char* bytes = static_cast<const char*>(sqlite3_column_blob(row, i));
      return BlobValue{std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(row, i)))};
    }
    default: return std::monostate();
  }
}

}  // namespace

const std::vector<NamedQuery>& named_queries() {
  static const std::vector<NamedQuery> queries = {
      {"best", "[EXPERIMENT]", "The best cell of each metric that has a goal, by its mean over seeds",
       R"sql(WITH mean AS (
  SELECT experiment, slot, metric, revision, goal, unit, cell, avg(value) AS value, count(DISTINCT stage) AS stages
  FROM v_score WHERE current AND done AND goal <> 'none' AND (?1 IS NULL OR experiment = ?1) AND slot NOT LIKE '%.calibration'
  GROUP BY cell_id, slot, metric, revision),
best AS (SELECT *, min(CASE goal WHEN 'min' THEN value ELSE -value END) FROM mean WHERE value IS NOT NULL  -- the other columns are those
  GROUP BY experiment, slot, metric, revision)                                                                      -- of the row with the minimum
SELECT experiment, slot, metric, goal, cell, value, unit, stages, revision FROM best ORDER BY experiment, slot, metric, revision)sql"},
      {"scores", "[EXPERIMENT [METRIC]]", "Every finished number, one row for each trial and metric",
       R"sql(SELECT experiment, cell, seed, slot, metric, value, unit, n, n_nan FROM v_score
WHERE current AND done AND (?1 IS NULL OR experiment = ?1) AND (?2 IS NULL OR metric = ?2)
ORDER BY experiment, slot, metric, (SELECT position FROM cell WHERE id = cell_id), cell, seed)sql"},
      {"curve", "EXPERIMENT METRIC", "A metric by step, averaged over the distinct stages of each cell",
       R"sql(SELECT q.cell, slot, step, avg(value) AS mean, min(value) AS min, max(value) AS max, count(*) AS stages
FROM (SELECT DISTINCT cell, slot, stage, step, value FROM v_curve WHERE experiment = ?1 AND metric = ?2 AND current) q
JOIN v_cell c ON c.experiment = ?1 AND c.current AND c.cell = q.cell
GROUP BY c.id, slot, step ORDER BY slot, c.position, q.cell, step)sql"},
      {"cost", "[EXPERIMENT]", "Seconds and processor seconds of each stage, and how many trials share it",
       R"sql(SELECT DISTINCT v.kind, v.stage, v.state, v.runs, v.seconds, v.cpu_seconds, v.trials
FROM v_trial t JOIN trial_stage x ON x.trial = t.id JOIN v_stage v ON v.id = x.stage
WHERE t.current AND (?1 IS NULL OR t.experiment = ?1) ORDER BY v.cpu_seconds DESC)sql"},
      {"failed", "", "Runs that did not finish, and what they said",
       R"sql(SELECT s.kind, s.key AS stage, r.n AS run, r.state, r.exit_code, datetime(r.started, 'unixepoch') AS started,
  coalesce(r.error, iif(r.state = 'killed', 'ended without a word: killed, or crashed', NULL)) AS error
FROM run r JOIN stage s ON s.id = r.stage WHERE r.state IN ('failed', 'interrupted', 'killed', 'pruned') ORDER BY r.started DESC)sql"},
      {"options", "EXPERIMENT [KEY]", "The options of each cell that differ between cells, or one option",
       R"sql(SELECT c.cell, o.key, o.value, o.origin FROM v_cell c JOIN option o ON o.cell = c.id
WHERE c.current AND c.experiment = ?1 AND (o.key = ?2 OR ?2 IS NULL AND EXISTS (SELECT 1 FROM v_cell d LEFT JOIN option p ON p.cell = d.id AND p.key = o.key
  WHERE d.experiment = ?1 AND d.current AND p.value IS NOT o.value)) ORDER BY o.key, c.position)sql"},
      {"nan", "[EXPERIMENT]", "Series that contain NaN",
       R"sql(SELECT experiment, cell, seed, slot, metric, n_nan, n FROM v_score WHERE current AND n_nan > 0 AND (?1 IS NULL OR experiment = ?1)
ORDER BY n_nan DESC)sql"},
      {"nondeterminism", "", "Outputs that differed between runs of one stage", "SELECT * FROM v_nondeterminism"},
      {"provenance", "[EXPERIMENT]", "The run behind each published stage: its plugins and their revisions, its machine",
       R"sql(SELECT DISTINCT x.slot, t.cell, t.seed, s.key AS stage, r.n AS run, datetime(r.started, 'unixepoch') AS started,
  (SELECT group_concat(p.name || ' ' || coalesce(p.revision, substr(p.sha256, 1, 8)), ', ') FROM stage_plugin y JOIN plugin p ON p.id = y.plugin
   WHERE y.stage = s.id AND y.run = r.n) AS plugins, e.content AS environment
FROM v_trial t JOIN trial_stage x ON x.trial = t.id JOIN stage s ON s.id = x.stage JOIN run r ON r.stage = s.id AND r.n = s.published
LEFT JOIN env e ON e.id = r.env WHERE t.current AND (?1 IS NULL OR t.experiment = ?1) ORDER BY x.slot, (SELECT position FROM cell WHERE id = t.cell_id), t.cell, t.seed)sql"},
      {"events", "[LEVEL]", "Warnings, errors and unknown journal lines",
       R"sql(SELECT datetime(e.time, 'unixepoch') AS time, e.level, j.path AS journal, e.q AS line, e.text FROM event e JOIN journal j ON j.id = e.journal
WHERE (?1 IS NULL AND e.level <> 'info') OR e.level = ?1 ORDER BY e.time, j.path, e.q)sql"},
  };
  return queries;
}

const NamedQuery& named_query(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& query : named_queries()) {
    if (name == query.name) return query;
    names.emplace_back(query.name);
  }
  const auto near = did_you_mean(name, names);
  throw Error(ExitCode::bad_config, fmt::format("query: found @{}, expected one of @{}{}", name, fmt::join(names, ", @"),
                                                near ? fmt::format("; did you mean @{}?", *near) : ""));
}

Table query(SQLite::Database& database, const std::string& sql, const std::vector<std::string>& arguments) {
  ReadingOnly guard(database);
  sqlite3* handle = database.getHandle();
  const auto statement = prepare(handle, sql);
  bind_arguments(statement.get(), arguments);
  Table table;
  const int columns = sqlite3_column_count(statement.get());
  for (int i = 0; i < columns; ++i) table.columns.emplace_back(sqlite3_column_name(statement.get(), i));
  int code;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    std::vector<Value> row;
    for (int i = 0; i < columns; ++i) row.push_back(column(statement.get(), i));
    table.rows.push_back(std::move(row));
  }
  if (code == SQLITE_ERROR || code == SQLITE_MISMATCH) refuse(sqlite3_errmsg(handle));
  if (code != SQLITE_DONE) throw SQLite::Exception(handle, code);
  return table;
}

Json to_json(const Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return encode_number(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return valid_utf8(*text);
  if (const auto* blob = std::get_if<BlobValue>(&value)) return base64_encode(blob->bytes);
  return nullptr;
}

}  // namespace tessera
