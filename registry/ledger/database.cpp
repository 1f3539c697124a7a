#include "registry/ledger/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.hpp"
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

// A path as RFC 3986 has it: '?', '#' and '%' have a meaning in SQLite's file names.
std::string uri_path(const fs::path& file) {
  std::string escaped;
  for (const char c : file.string()) escaped += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02X}", c) : std::string(1, c);
  return escaped;
}

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

std::string unwritable_ledger(const fs::path& results) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const auto file = ledger_file(results).string() + suffix;
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 || ::faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) == 0) continue;
    const auto reason = std::generic_category().message(errno);
    const passwd* owner = ::getpwuid(status.st_uid);
    return fmt::format(
        "{} cannot be written: {} (it belongs to {}, mode {:04o}); change its mode, or run `tessera db rebuild`, which makes it anew", file,
        reason, owner ? owner->pw_name : std::to_string(status.st_uid), status.st_mode & 07777);
  }
  return "";
}

SQLite::Database open_for_recording(const fs::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  configure(database);
  return database;
}

void create_ledger(const fs::path& file) {
  // SQLite's own default is 0644 whatever the umask; its files beside this one get the rights of this one.
  const Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!made) throw_system_error("open " + file.string(), errno, ExitCode::ledger);
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
    database.setBusyTimeout(kBusyMilliseconds);
    const int code = readable(database) ? SQLITE_OK : database.getErrorCode();
    // In WAL mode a reader needs the shared-memory file, which it cannot make in a read-only folder. Without a WAL nothing is
    // missing from the file itself. (While a run goes on there is a WAL all the time: keep_wal.)
    if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !fs::exists(file.string() + "-wal"))
      database = SQLite::Database("file://" + uri_path(fs::absolute(file)) + "?immutable=1", kReader | SQLite::OPEN_URI);
    configure(database);
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
