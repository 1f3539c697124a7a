#include "registry/ledger/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "registry/ledger/schema.hpp"
#include "registry/ledger/statements.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr int kBusyMilliseconds = 10'000;

void configure(SQLite::Database& database) {
  database.setBusyTimeout(kBusyMilliseconds);
  database.exec("PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;");
  // A name that is no column must be an error, not a string.
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
}

// SQLite's own locks are left out: a reader belongs to one thread.
const int kReader = SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX;

bool readable(SQLite::Database& database) { return database.tryExec("SELECT count(*) FROM sqlite_schema") == SQLITE_OK; }

}  // namespace

void bind_value(SQLite::Statement& s, int i, const Json& value) {
  if (value.is_null())
    s.bind(i);
  else if (value.is_boolean())
    s.bind(i, static_cast<int64_t>(value.get<bool>()));
  else if (value.is_number_integer())
    s.bind(i, value.get<int64_t>());
  else if (value.is_number())
    bind_value(s, i, value.get<double>());
  else
    s.bind(i, value.is_string() ? value.get<std::string>() : to_line(value));
}

fs::path ledger_file(const fs::path& results) { return results / "tessera.db"; }

SQLite::Database open_for_recording(const fs::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  configure(database);
  return database;
}

void create_ledger(const fs::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  configure(database);
  database.exec("PRAGMA page_size = 8192; PRAGMA synchronous = OFF; BEGIN IMMEDIATE;");
  database.exec(ledger_schema());
  database.exec(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;", kLedgerApplication, kLedgerVersion));
}

int ledger_version(SQLite::Database& database) {
  int application = database.execAndGet("PRAGMA application_id").getInt();
  return application == kLedgerApplication ? database.execAndGet("PRAGMA user_version").getInt() : -1;
}

SQLite::Database open_read_only(const fs::path& file) {
  return with_ledger_errors(file, [&] {
    if (!fs::exists(file)) throw Error(ExitCode::ledger, fmt::format("{}: there is no ledger yet", file.string()));
    SQLite::Database database(file.string(), kReader);
    configure(database);
    const int code = readable(database) ? SQLITE_OK : database.getErrorCode();
    // In WAL mode a reader needs the shared-memory file, which it cannot make in a read-only folder. Without a WAL nothing is
    // missing from the file itself.
    if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !fs::exists(file.string() + "-wal")) {
      database = SQLite::Database("file:" + file.string() + "?immutable=1", kReader | SQLite::OPEN_URI);
      configure(database);
    }
    const int version = ledger_version(database);
    if (version != kLedgerVersion)
      throw Error(ExitCode::ledger, fmt::format("{}: found {}, expected schema version {}: run `tessera db rebuild`", file.string(),
                                                version < 0 ? "no ledger" : fmt::format("schema version {}", version), kLedgerVersion));
    return database;
  });
}

void throw_ledger_error(const fs::path& file, const SQLite::Exception& error) {
  const std::string name = file.string();
  switch (error.getErrorCode()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Error(ExitCode::ledger, fmt::format("{}: the database is damaged ({}). The journals hold everything: run `tessera db rebuild`",
                                                name, error.what()));
    case SQLITE_FULL:
      throw Error(ExitCode::ledger,
                  fmt::format("{}: the disk is full. Nothing is lost: the journals are recorded when there is room", name));
    case SQLITE_IOERR: {
      std::error_code none;
      const bool full = fs::space(file.parent_path(), none).available == 0 && !none;
      throw Error(ExitCode::ledger,
                  fmt::format("{}: {}{}", name, error.what(), full ? ": the disk is full; make room, nothing is lost" : ""));
    }
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: throw Error(ExitCode::ledger, fmt::format("{}: cannot be opened or written ({})", name, error.what()));
    case SQLITE_BUSY:
    case SQLITE_LOCKED: throw Error(ExitCode::ledger, fmt::format("{}: another program keeps it locked ({})", name, error.what()));
    default: throw Error(ExitCode::ledger, fmt::format("{}: {}", name, error.what()));
  }
}

}  // namespace tessera
