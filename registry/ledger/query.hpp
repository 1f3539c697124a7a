// Questions to the ledger: the user's own SQL, or a named query. Read-only twice over: the connection is, and an authorizer
// allows nothing but reading.
#pragma once
#include <SQLiteCpp/Database.h>

#include <string>
#include <variant>
#include <vector>

#include "registry/ledger/statements.hpp"

namespace tessera {

struct NamedQuery {
  const char* name;        // without "@"
  const char* parameters;  // "[EXPERIMENT [METRIC]]": bound to ?1, ?2; those left out are NULL
  const char* summary;
  const char* sql;
};
const std::vector<NamedQuery>& named_queries();
// Throws Error(bad_config) with the nearest name.
const NamedQuery& named_query(const std::string& name);

struct BlobValue {
  std::string bytes;
};
using Value = std::variant<std::monostate, int64_t, double, std::string, BlobValue>;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
};

// One reading statement; `arguments` are bound to ?1, ?2 …, as numbers where they are numbers. Throws Error(bad_config) on SQL
// that is wrong or does more than read.
Table query(SQLite::Database& database, const std::string& sql, const std::vector<std::string>& arguments = {});

// NULL, numbers and text; blobs as base64; infinities as encode_number writes them.
Json to_json(const Value& value);

}  // namespace tessera
