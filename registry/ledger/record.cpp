#include "registry/ledger/record.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/file_lock.hpp"
#include "core/files.hpp"
#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/recorder.hpp"
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

// A transaction takes about this much of journals, a second or two: bounds the memory, the work that a kill throws away, and how old what
// others see is.
constexpr int64_t kTransactionBytes = 16 << 20;
// Of one journal in a turn at least: many small turns would ask for each journal's rows again and again.
constexpr int64_t kLeastTurn = 256 << 10;

struct LiveJournal {
  std::string path;  // relative to the results folder
  fs::path mark;     // results/live/<uuid>; empty in a rebuild
};

std::vector<fs::path> sorted_items(const fs::path& folder) {
  std::vector<fs::path> items;
  std::error_code error;
  for (fs::directory_iterator item(folder, error), end; !error && item != end; item.increment(error)) items.push_back(item->path());
  std::sort(items.begin(), items.end());
  return items;
}

std::optional<Descriptor> lock(const fs::path& results, std::chrono::milliseconds patience, std::string& why_not) {
  LockRefusal refusal{};
  auto held = lock_file(results / ".record.lock", patience, refusal, ExitCode::ledger);
  if (refusal == LockRefusal::not_writable) why_not = fmt::format("{} cannot be written", results.string());
  if (refusal == LockRefusal::busy)
    why_not = fmt::format("another program has been recording for {} s", std::chrono::duration<double>(patience).count());
  return held;
}

std::vector<LiveJournal> live_journals(const fs::path& results) {
  std::vector<LiveJournal> live;
  for (const auto& mark : sorted_items(results / "live")) {
    std::error_code error;
    if (mark.filename().string()[0] == '.' || !fs::is_regular_file(mark, error)) continue;
    std::string path = read_file(mark);
    while (!path.empty() && path.back() == '\n') path.pop_back();
    const bool inside = !path.empty() && fs::path(path).is_relative() && fs::path(path).lexically_normal().string().rfind("..", 0) != 0;
    // The mark is made before its journal, and before its own content is.
    if (inside && fs::exists(results / path, error)) live.push_back({path, mark});
  }
  return live;
}

// Holder::gone: the process that writes the journal is known to be dead, no line can follow.
Holder writer_of(const fs::path& journal, bool network) {
  const fs::path alive = journal.parent_path() / "alive";
  if (std::error_code error; fs::exists(alive, error)) return holder_of(alive, network);
  return journal_writer_lives(journal) == false ? Holder::gone : Holder::alive;
}

// A journal in a pass: read in turns with the others, so that one that grows fast holds up none.
struct Turn {
  LiveJournal journal;
  int64_t until = 0;   // its size when the pass began: a writer that is faster than this would keep the pass going for ever
  int64_t offset = 0;  // behind what was taken
  bool over = false;
};

// Journals → rows, in transactions of bounded size.
class Pass {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  Pass(SQLite::Database& database, const fs::path& results, RecordReport& report)
      : database_(database), results_(results), report_(report), recorder_(database, results), network_(on_network_file_system(results)) {}

  // Returns the journals that are complete and will grow no more. What is left at the deadline is told in the report.
  std::vector<LiveJournal> run(const std::vector<LiveJournal>& journals, Deadline deadline) {
    std::vector<Turn> turns;
    for (const auto& journal : journals) turns.push_back({journal, static_cast<int64_t>(fs::file_size(results_ / journal.path)), 0, false});
    // Where time may not do for all, another one is first each second.
    if (deadline && !turns.empty())
      std::rotate(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(::time(nullptr)) % turns.size()),
                  turns.end());
    TESSERA_FAULT_POINT("record.before_begin");
    database_.exec("BEGIN IMMEDIATE");
    try {
      bool begun = false;  // one turn is always taken: however small the budget, there is progress
      for (size_t left = turns.size(); left > 0 && !(begun && passed(deadline));) {
        const int64_t share = std::max(kLeastTurn, kTransactionBytes / static_cast<int64_t>(left));
        for (auto& turn : turns) {
          if (turn.over || (begun && passed(deadline))) continue;
          begun = true;
          take(turn, share);
          left -= turn.over ? 1 : 0;
        }
      }
      commit();
    } catch (...) {
      database_.tryExec("ROLLBACK");
      throw;
    }
    for (const auto& turn : turns)
      if (!turn.over) report_.behind += turn.until - turn.offset;
    report_.points = recorder_.points();
    return std::move(complete_);
  }

 private:
  static bool passed(const Deadline& deadline) { return deadline && std::chrono::steady_clock::now() >= *deadline; }

  void take(Turn& turn, int64_t share) {
    // Asked before reading: what a dead writer left is all there by then.
    const Holder writer = writer_of(results_ / turn.journal.path, network_);
    Recorder::Taken taken;
    bool sound = true;
    try {
      taken = recorder_.take(turn.journal.path, std::min(share, kTransactionBytes - bytes_));
    } catch (const Error& error) {
      report_.problems.emplace_back(error.what());
      sound = false;
    }
    turn.offset = taken.offset;
    turn.over = !taken.more || taken.offset >= turn.until;
    bytes_ += taken.bytes;
    report_.lines += taken.lines;
    report_.journals += turn.over ? 1 : 0;
    if (!taken.more && writer != Holder::alive && !taken.ended) recorder_.mark_killed(turn.journal.path);
    if (!taken.more && sound && (taken.ended || writer == Holder::gone)) complete_.push_back(turn.journal);
    if (bytes_ < kTransactionBytes) return;
    commit();
    database_.exec("BEGIN IMMEDIATE");
  }

  void commit() {
    recorder_.flush();
    TESSERA_FAULT_POINT("record.before_commit");
    database_.exec("COMMIT");
    TESSERA_FAULT_POINT("record.after_commit");
    bytes_ = 0;
  }

  SQLite::Database& database_;
  const fs::path& results_;
  RecordReport& report_;
  Recorder recorder_;
  bool network_;
  int64_t bytes_ = 0;  // in the open transaction
  std::vector<LiveJournal> complete_;
};

// A stage folder that was deleted and computed anew has other journals under the old names: what is recorded of the old ones goes, and
// all that are there now are taken.
void forget_replaced(SQLite::Database& database, const fs::path& results, std::vector<LiveJournal>& live) {
  std::set<int64_t> replaced;
  std::set<fs::path> folders;
  SQLite::Statement recorded(database, "SELECT j.uuid, r.stage FROM journal j JOIN run r ON r.journal = j.id WHERE j.path = ?");
  for (const auto& journal : live) {
    recorded.reset();
    recorded.bind(1, journal.path);
    if (!recorded.executeStep()) continue;
    const auto uuid = journal_uuid(results / journal.path);
    if (uuid.empty() || uuid == recorded.getColumn(0).getString()) continue;
    replaced.insert(recorded.getColumn(1).getInt64());
    folders.insert(fs::path(journal.path).parent_path().parent_path().parent_path());
  }
  recorded.reset();
  if (replaced.empty()) return;
  database.exec("BEGIN IMMEDIATE");
  for (int64_t stage : replaced) {
    const auto id = std::to_string(stage), journals = "(SELECT journal FROM run WHERE stage = " + id + ")";
    for (const char* table : {"point", "summary", "sample", "artifact", "input_read", "stage_plugin", "stage_input"})
      database.exec(fmt::format("DELETE FROM {} WHERE stage = {}", table, id));
    for (const char* table : {"event", "journal_metric"}) database.exec(fmt::format("DELETE FROM {} WHERE journal IN {}", table, journals));
    database.exec("CREATE TEMP TABLE gone AS SELECT journal FROM run WHERE stage = " + id);
    database.exec("DELETE FROM run WHERE journal IS NOT NULL AND stage = " + id);
    database.exec("DELETE FROM journal WHERE id IN (SELECT journal FROM gone)");
    database.exec("DROP TABLE gone");
    database.exec("UPDATE stage SET published = NULL, hollow = 0 WHERE id = " + id);
  }
  // What nothing else speaks of.
  database.exec("DELETE FROM plugin WHERE id NOT IN (SELECT plugin FROM stage_plugin)");
  database.exec(
      "DELETE FROM env WHERE id NOT IN (SELECT env FROM run WHERE env IS NOT NULL UNION SELECT env FROM front WHERE env IS NOT NULL)");
  database.exec("DELETE FROM metric WHERE id NOT IN (SELECT metric FROM journal_metric)");
  database.exec("COMMIT");
  std::set<std::string> listed;
  for (const auto& journal : live) listed.insert(journal.path);
  for (const auto& path : all_journals(results))
    if (folders.count(fs::path(path).parent_path().parent_path().parent_path()) && !listed.count(path))
      live.push_back({path, results / "live" / journal_uuid(results / path)});
}

// The WAL and its index stay between passes, the former empty (journal_size_limit): who may read the folder but not write in it cannot
// make them.
void keep_wal(SQLite::Database& database, bool kept) {
  int value = kept;
  sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_PERSIST_WAL, &value);
}

// Waits a moment only: where a reader keeps the mode, the next pass tries again and nothing is wrong meanwhile.
void set_journal_mode(SQLite::Database& database, const char* pragma) {
  database.setBusyTimeout(100);
  database.tryExec(pragma);
  database.setBusyTimeout(10'000);
}

void remove_database(const fs::path& file) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(file.string() + suffix);
}

// Under the lock. The old files go first: SQLite would replay a WAL that lies beside a file of the same name. A kill in
// between leaves no database, which the next record() rebuilds.
RecordReport rebuild_locked(const fs::path& results) {
  const fs::path file = ledger_file(results), beside = results / "tessera.db.new";
  RecordReport report;
  std::vector<LiveJournal> journals;
  for (const auto& path : all_journals(results)) journals.push_back({path, {}});
  with_ledger_errors(beside, [&] {
    remove_database(beside);
    create_ledger(beside);
    auto database = open_for_recording(beside);
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;");
    Pass(database, results, report).run(journals, std::nullopt);
    database.exec("PRAGMA analysis_limit = 1000; PRAGMA optimize;");
  });
  fsync_file(beside);
  TESSERA_FAULT_POINT("rebuild.before_swap");
  remove_database(file);
  TESSERA_FAULT_POINT("rebuild.removed_old");
  fs::rename(beside, file);
  fsync_folder(results);
  TESSERA_FAULT_POINT("rebuild.swapped");
  return report;
}

}  // namespace

std::vector<std::string> all_journals(const fs::path& results) {
  std::vector<std::string> journals;
  for (const auto& file : sorted_items(results / "fronts"))
    if (file.extension() == ".jsonl") journals.push_back(fs::path(file).lexically_relative(results).string());
  for (const auto& stage : sorted_items(results / "stages")) {
    auto runs = sorted_items(stage / "runs");
    const auto number = [](const fs::path& path) { return std::atoll(path.filename().c_str()); };
    std::stable_sort(runs.begin(), runs.end(), [&](const auto& a, const auto& b) { return number(a) < number(b); });
    for (const auto& run : runs)
      if (number(run) > 0 && fs::exists(run / "journal.jsonl"))
        journals.push_back((run / "journal.jsonl").lexically_relative(results).string());
  }
  return journals;
}

RecordReport record(const fs::path& results, std::chrono::milliseconds patience, std::optional<std::chrono::milliseconds> budget) {
  if (!fs::is_directory(results)) throw Error(ExitCode::ledger, fmt::format("{}: no such results folder", results.string()));
  RecordReport report;
  const auto held = lock(results, patience, report.skipped);
  if (!held) {
    report.recorded = false;
    return report;
  }
  TESSERA_FAULT_POINT("record.locked");
  if (report.skipped = unwritable_ledger(results); !report.skipped.empty()) {
    report.recorded = false;
    return report;
  }
  const fs::path file = ledger_file(results);
  if (!fs::exists(file)) return rebuild_locked(results);
  bool other_version = false;
  with_ledger_errors(file, [&] {
    auto database = open_for_recording(file);
    other_version = ledger_version(database) != kLedgerVersion;
    if (other_version) return;
    auto live = live_journals(results);
    if (!live.empty()) {
      forget_replaced(database, results, live);
      // Shared memory does not work there, and WAL needs it.
      if (!on_network_file_system(results))
        set_journal_mode(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 0;");
      keep_wal(database, true);
      Pass::Deadline deadline;
      if (budget) deadline = std::chrono::steady_clock::now() + *budget;
      for (const auto& journal : Pass(database, results, report).run(live, deadline)) {
        TESSERA_FAULT_POINT("record.before_unmark");
        fs::remove(journal.mark);
      }
    }
    TESSERA_FAULT_POINT("record.before_rest");
    if (!live_journals(results).empty()) return;
    keep_wal(database, false);
    set_journal_mode(database, "PRAGMA journal_mode = DELETE;");
  });
  return other_version ? rebuild_locked(results) : report;
}

RecordReport rebuild(const fs::path& results) {
  if (!fs::is_directory(results)) throw Error(ExitCode::ledger, fmt::format("{}: no such results folder", results.string()));
  std::string why_not;
  const auto held = lock(results, std::chrono::minutes(1), why_not);
  if (!held) throw Error(ExitCode::ledger, "db rebuild: " + why_not);
  return rebuild_locked(results);
}

}  // namespace tessera
