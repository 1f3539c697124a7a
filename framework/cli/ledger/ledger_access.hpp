// How a reading verb meets the ledger: recorded up to now, opened read-only.
#pragma once
#include <SQLiteCpp/Database.h>

#include "cli/verb.hpp"
#include "core/text_table.hpp"
#include "registry/ledger/query.hpp"

namespace tessera {

// Records what is new (briefly; journals that cannot be read are told on stderr), then opens. Throws Error(ledger).
SQLite::Database open_ledger(const CommonOptions& common);
// A part of what is shown about something in the ledger; ?1, ?2 …: ids of what it is about.
struct Section {
  const char* title;
  const char* sql;
};
// A table as --json, --csv or aligned text.
Json to_json(const Table& table);
std::string to_csv(const Table& table);
std::string to_text(const Table& table, size_t width = terminal_width());

void print_json(const Json& value);

}  // namespace tessera
