// Opening the ledger's file, and what its errors mean to a user.
#pragma once
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace tessera {

// results/tessera.db
std::filesystem::path ledger_file(const std::filesystem::path& results);

// Why this user cannot record: the first of the ledger's files that is there and cannot be written, its owner and mode, and what to do.
// Empty where all can be.
std::string unwritable_ledger(const std::filesystem::path& results);

// For the one recorder, under its lock. Creates nothing. Throws SQLite::Exception.
SQLite::Database open_for_recording(const std::filesystem::path& file);
// Makes a new, empty ledger at a path where there is none, with the rights that the umask leaves: those who share a folder share it.
void create_ledger(const std::filesystem::path& file);
// Read-only: never writes, never checkpoints. A ledger left in WAL mode, without a log, in a folder that cannot be written is read as it
// stands. Throws Error(ledger), also on a damaged file and on one of another schema version.
SQLite::Database open_read_only(const std::filesystem::path& file);
// PRAGMA user_version; -1 where the file is no ledger of ours.
int ledger_version(SQLite::Database& database);

// Error(ledger) with the file, the reason and what to do.
[[noreturn]] void throw_ledger_error(const std::filesystem::path& file, const SQLite::Exception& error);

// Calls f; SQLite's errors come out as Error(ledger).
template <class F>
auto with_ledger_errors(const std::filesystem::path& file, F&& f) {
  try {
    return f();
  } catch (const SQLite::Exception& error) {
    throw_ledger_error(file, error);
  }
}

}  // namespace tessera
