#include "registry/ledger/check.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <set>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

using Problems = std::vector<std::string>;

void check_database(SQLite::Database& database, Problems& problems) {
  SQLite::Statement integrity(database, "PRAGMA integrity_check(20)");
  while (integrity.executeStep())
    if (const std::string text = integrity.getColumn(0).getString(); text != "ok") problems.push_back("integrity: " + text);
  SQLite::Statement keys(database, "PRAGMA foreign_key_check");
  while (keys.executeStep())
    problems.push_back(fmt::format("foreign key: a row of {} names a row of {} that is not there", keys.getColumn(0).getString(),
                                   keys.getColumn(2).getString()));
}

// Every summary against a scan of its points.
void check_summaries(SQLite::Database& database, Problems& problems) {
  SQLite::Statement row(
      database,
      "SELECT s.key, m.name FROM summary y JOIN stage s ON s.id = y.stage JOIN metric m ON m.id = y.metric JOIN (SELECT stage, "
      "metric, count(*) AS n, count(*) - count(value) AS n_nan, min(value) AS min, max(value) AS max, max(step) AS steps "
      "FROM point GROUP BY stage, metric) p ON p.stage = y.stage AND p.metric = y.metric "
      "WHERE (y.n, y.n_nan, y.steps) <> (p.n, p.n_nan, p.steps) OR y.min IS NOT p.min OR y.max IS NOT p.max "
      "UNION ALL SELECT s.key, m.name FROM summary y JOIN stage s ON s.id = y.stage JOIN metric m ON m.id = y.metric "
      "WHERE NOT EXISTS (SELECT 1 FROM point p WHERE p.stage = y.stage AND p.metric = y.metric)");
  while (row.executeStep())
    problems.push_back(
        fmt::format("stage {}: the summary of {} differs from its points", row.getColumn(0).getString(), row.getColumn(1).getString()));
}

void check_journals(SQLite::Database& database, const fs::path& results, Problems& problems) {
  std::set<std::string> recorded;
  SQLite::Statement row(database, "SELECT path, offset, ended FROM journal ORDER BY path");
  while (row.executeStep()) {
    const std::string path = row.getColumn(0).getString();
    const int64_t offset = row.getColumn(1).getInt64();
    recorded.insert(path);
    std::error_code error;
    const auto size = static_cast<int64_t>(fs::file_size(results / path, error));
    if (error)
      problems.push_back(fmt::format("{}: recorded, but the journal is gone", path));
    else if (size < offset)
      problems.push_back(fmt::format("{}: found {} bytes, expected at least the {} that are recorded", path, size, offset));
    else if (row.getColumn(2).getInt() != 0 && size > offset)
      problems.push_back(fmt::format("{}: {} bytes behind its end line", path, size - offset));
  }
  for (const auto& path : all_journals(results)) {
    if (recorded.count(path)) continue;
    try {
      if (JournalReader(results / path).next()) problems.push_back(fmt::format("{}: not recorded", path));
    } catch (const Error& error) {
      problems.push_back(error.what());
    }
  }
}

void check_stages(SQLite::Database& database, const fs::path& results, Problems& problems) {
  SQLite::Statement row(database, "SELECT key, kind, published, hollow FROM stage WHERE kind IS NOT NULL ORDER BY kind, key");
  while (row.executeStep()) {
    const std::string key = row.getColumn(0).getString(), kind = row.getColumn(1).getString();
    const std::string name = "stages/" + kind + "-" + key;
    const bool published = !row.getColumn(2).isNull();
    StageFolder folder(results, kind, key);
    try {
      const auto stage = folder.published();
      if (published && !stage)
        problems.push_back(name + ": published by the ledger, but there is no stage.json");
      else if (!published && stage)
        problems.push_back(name + ": there is a stage.json, but the ledger has it unpublished");
      else if (stage && stage->value("run", int64_t{0}) != row.getColumn(2).getInt64())
        problems.push_back(fmt::format("{}: stage.json names run {}, the ledger run {}", name, stage->value("run", int64_t{0}),
                                       row.getColumn(2).getInt64()));
      else if (stage && row.getColumn(3).getInt() == 0 && folder.hollow())
        problems.push_back(name + ": an output is missing or of another size");
    } catch (const Error& error) {
      problems.push_back(fmt::format("{}: {}", name, error.what()));
    }
  }
}

// An input was published anew, with other bytes, after somebody had read it.
void check_inputs(SQLite::Database& database, Problems& problems) {
  SQLite::Statement row(database,
                        "SELECT s.kind, s.key, r.slot, r.name FROM stage s JOIN input_read r ON r.stage = s.id AND r.run = s.published "
                        "JOIN stage_input x ON x.stage = s.id AND x.slot = r.slot JOIN stage i ON i.id = x.input "
                        "JOIN artifact a ON a.stage = i.id AND a.run = i.published AND a.name = r.name WHERE a.sha256 <> r.sha256");
  while (row.executeStep())
    problems.push_back(fmt::format("stages/{}-{}: stale: its input {} ({}) has other bytes now", row.getColumn(0).getString(),
                                   row.getColumn(1).getString(), row.getColumn(2).getString(), row.getColumn(3).getString()));
}

}  // namespace

std::vector<std::string> check_outputs(SQLite::Database& database, const fs::path& results) {
  Problems problems;
  SQLite::Statement row(database,
                        "SELECT s.kind || '-' || s.key, a.run, a.name, a.sha256 FROM stage s JOIN artifact a ON a.stage = s.id AND a.run = "
                        "s.published WHERE NOT s.hollow ORDER BY 1, 3");
  while (row.executeStep()) {
    const std::string stage = "stages/" + row.getColumn(0).getString(), name = row.getColumn(2).getString();
    const auto file = results / stage / "runs" / std::to_string(row.getColumn(1).getInt64()) / "out" / name;
    if (!fs::exists(file)) continue;  // check_ledger says so
    try {
      if (const auto found = sha256_file(file); found != row.getColumn(3).getString())
        problems.push_back(fmt::format("{}: {}: found SHA-256 {}, expected {} as its stage published it; remove {} to compute it again",
                                       stage, name, found, row.getColumn(3).getString(), (results / stage).string()));
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

std::vector<std::string> check_ledger(SQLite::Database& database, const fs::path& results) {
  Problems problems;
  check_database(database, problems);
  check_summaries(database, problems);
  check_journals(database, results, problems);
  check_stages(database, results, problems);
  check_inputs(database, problems);
  return problems;
}

}  // namespace tessera
