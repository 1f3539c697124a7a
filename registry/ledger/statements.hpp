// Prepared statements by their text, each prepared once: what makes a recorder fast.
#pragma once
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.hpp"

namespace tessera {

struct Blob {
  std::string_view bytes;
};

inline void bind_value(SQLite::Statement& s, int i, int64_t value) { s.bind(i, value); }
inline void bind_value(SQLite::Statement& s, int i, int value) { s.bind(i, static_cast<int64_t>(value)); }
inline void bind_value(SQLite::Statement& s, int i, bool value) { s.bind(i, static_cast<int64_t>(value)); }
inline void bind_value(SQLite::Statement& s, int i, double value) { std::isnan(value) ? s.bind(i) : s.bind(i, value); }
inline void bind_value(SQLite::Statement& s, int i, const std::string& value) { s.bind(i, value); }
inline void bind_value(SQLite::Statement& s, int i, const char* value) { s.bind(i, value); }
inline void bind_value(SQLite::Statement& s, int i, std::nullptr_t) { s.bind(i); }
inline void bind_value(SQLite::Statement& s, int i, const Blob& value) {
  s.bind(i, static_cast<const void*>(value.bytes.data()), static_cast<int>(value.bytes.size()));
}
// Scalars as SQL values, everything else as JSON text. Booleans are 0 and 1.
void bind_value(SQLite::Statement& s, int i, const Json& value);
template <class T>
void bind_value(SQLite::Statement& s, int i, const std::optional<T>& value) {
  value ? bind_value(s, i, *value) : s.bind(i);
}

class Statements {
 public:
  explicit Statements(SQLite::Database& database) : database_(database) {}

  // `sql` must be a literal, always the same one for the same text: its address is the key.
  template <class... Values>
  SQLite::Statement& bound(const char* sql, const Values&... values) {
    auto found = prepared_.find(sql);
    if (found == prepared_.end()) found = prepared_.emplace(sql, SQLite::Statement(database_, sql)).first;
    auto& statement = found->second;
    statement.tryReset();
    int i = 0;
    (bind_value(statement, ++i, values), ...);
    return statement;
  }
  // Executes; the number of rows changed.
  template <class... Values>
  int64_t run(const char* sql, const Values&... values) {
    auto& statement = bound(sql, values...);
    int changed = statement.exec();
    statement.reset();
    return changed;
  }
  // The first column of the first row; empty where there is no row or it is NULL.
  template <class... Values>
  std::optional<int64_t> number(const char* sql, const Values&... values) {
    auto& statement = bound(sql, values...);
    std::optional<int64_t> result;
    if (statement.executeStep() && !statement.getColumn(0).isNull()) result = statement.getColumn(0).getInt64();
    statement.reset();
    return result;
  }
  SQLite::Database& database() { return database_; }

 private:
  SQLite::Database& database_;
  std::map<const void*, SQLite::Statement> prepared_;
};

}  // namespace tessera
