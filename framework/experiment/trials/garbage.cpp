#include "experiment/trials/garbage.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "core/error.hpp"
#include "core/stage_folder.hpp"
#include "experiment/run/front_journal.hpp"
#include "experiment/trials/marks.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

using FileClock = fs::file_time_type::clock;

// A front of another machine that wrote nothing for so long is not waited for.
constexpr auto kSilentFront = std::chrono::hours(24);

std::set<int64_t> ids(SQLite::Database& database, const char* sql) {
  SQLite::Statement row(database, sql);
  std::set<int64_t> found;
  while (row.executeStep()) found.insert(row.getColumn(0).getInt64());
  return found;
}

std::set<int64_t> current_stages(SQLite::Database& database) {
  return ids(database, "SELECT DISTINCT x.stage FROM v_trial v JOIN trial_stage x ON x.trial = v.id WHERE v.current");
}

std::set<int64_t> tagged_stages(SQLite::Database& database) {
  auto stages = ids(database, "SELECT s.id FROM v_tag v JOIN stage s ON s.key = v.stage WHERE v.kind = 'tag'");
  SQLite::Statement row(database, "SELECT stage FROM trial_stage WHERE trial = ?");
  for (const auto& [trial, tags] : tags_of_trials(database)) {
    row.reset();
    row.bind(1, trial);
    while (row.executeStep()) stages.insert(row.getColumn(0).getInt64());
  }
  return stages;
}

std::vector<fs::path> items(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator item(folder, error), end; !error && item != end; item.increment(error)) found.push_back(item->path());
  std::sort(found.begin(), found.end());
  return found;
}

bool is_number(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
}

// The folders runs/<n> of a stage.
std::vector<fs::path> run_folders(const fs::path& results, const std::string& stage) {
  auto runs = items(results / "stages" / stage / "runs");
  runs.erase(std::remove_if(runs.begin(), runs.end(), [](const fs::path& run) { return !is_number(run.filename().string()); }), runs.end());
  return runs;
}

int64_t add_files(const fs::path& folder, Garbage& garbage) {
  int64_t count = 0;
  for (const auto& file : items(folder)) {
    std::error_code error;
    const auto bytes = fs::symlink_status(file, error).type() == fs::file_type::regular ? fs::file_size(file, error) : 0;
    if (error || fs::is_directory(file, error)) continue;
    garbage.bytes += static_cast<int64_t>(bytes);
    garbage.files.push_back(file);
    ++count;
  }
  return count;
}

double days_silent(const std::vector<fs::path>& runs) {
  auto newest = fs::file_time_type::min();
  for (const auto& run : runs) {
    std::error_code error;
    const auto time = fs::last_write_time(run / "journal.jsonl", error);
    if (!error) newest = std::max(newest, time);
  }
  return std::chrono::duration<double, std::ratio<86400>>(FileClock::now() - newest).count();
}

}  // namespace

std::vector<Garbage> find_garbage(SQLite::Database& database, const fs::path& results, const GarbageRequest& request) {
  const auto current = current_stages(database);
  const auto kept = request.keep_tagged ? tagged_stages(database) : std::set<int64_t>();
  SQLite::Statement row(database, "SELECT id, kind, key, coalesce(published, 0) FROM stage WHERE kind IS NOT NULL");
  std::vector<Garbage> list;
  while (row.executeStep()) {
    Garbage garbage;
    garbage.stage = row.getColumn(0).getInt64();
    if (kept.count(garbage.stage)) continue;
    garbage.kind = row.getColumn(1).getString(), garbage.key = row.getColumn(2).getString();
    const auto published = std::to_string(row.getColumn(3).getInt64());
    garbage.current = current.count(garbage.stage) > 0, garbage.published = published != "0";
    if (garbage.current && !garbage.published) continue;  // it will be resumed
    const auto runs = run_folders(results, garbage.name());
    for (const auto& run : runs) {
      if (!garbage.current || run.filename() != published) garbage.outputs += add_files(run / "out", garbage);
      garbage.checkpoints += add_files(run / "checkpoints", garbage);
    }
    if (garbage.files.empty() || (request.older_than_days && days_silent(runs) < *request.older_than_days)) continue;
    list.push_back(std::move(garbage));
  }
  std::sort(list.begin(), list.end(),
            [](const Garbage& a, const Garbage& b) { return std::tie(b.bytes, a.key) < std::tie(a.bytes, b.key); });
  return list;
}

void refuse_while_running(SQLite::Database& database, const fs::path& results) {
  const auto refuse = [](const std::string& what) {
    throw Error(ExitCode::run_failed, fmt::format("cache gc: found {}, expected nothing that runs: nothing was removed", what));
  };
  SQLite::Statement stage(database, "SELECT kind || '-' || key FROM stage WHERE kind IS NOT NULL");
  while (stage.executeStep()) {
    const auto name = stage.getColumn(0).getString();
    for (const auto& run : StageFolder(results, name.substr(0, name.find('-')), name.substr(name.find('-') + 1)).runs())
      if (run.alive) refuse(fmt::format("run {} of {} at work", run.n, name));
  }
  // The recorder has marked those of this machine whose process is gone.
  SQLite::Statement front(database, "SELECT j.path, f.argv FROM front f JOIN journal j ON j.id = f.journal WHERE f.state = 'running'");
  while (front.executeStep()) {
    std::error_code error;
    const auto time = fs::last_write_time(results / front.getColumn(0).getString(), error);
    if (!error && FileClock::now() - time < kSilentFront)
      refuse(fmt::format("a front at work: tessera {}", front.getColumn(1).getString()));
  }
}

int64_t remove_garbage(const fs::path& results, const std::vector<std::string>& argv, const std::vector<Garbage>& garbage) {
  int64_t bytes = 0;
  FrontJournal journal(results, argv);
  for (const auto& one : garbage) {
    for (const auto& file : one.files) {
      std::error_code error;
      const auto size = fs::file_size(file, error);
      if (fs::remove(file, error)) bytes += static_cast<int64_t>(size);
      if (error) throw_system_error("remove " + file.string(), error.value());
    }
    if (one.published) journal.write({{"t", "hollow"}, {"kind", one.kind}, {"stage", one.key}});
  }
  journal.end("done", 0);
  record(results);
  return bytes;
}

}  // namespace tessera
