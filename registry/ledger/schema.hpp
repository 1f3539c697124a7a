// The ledger's tables and views. A database of another version is rebuilt from the journals, so there are no migrations:
// change the schema, raise the version.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

inline constexpr int32_t kLedgerVersion = 6;
inline constexpr int32_t kLedgerApplication = 0x54655361;  // "TeSa": PRAGMA application_id

struct ViewColumn {
  const char* name;
  const char* doc;
};

// A view and its columns are a public contract: scripts and papers read them. Columns are added, never changed.
struct View {
  const char* name;
  const char* doc;
  std::vector<ViewColumn> columns;  // in the order of the select
  const char* select;
};
const std::vector<View>& ledger_views();

// CREATE statements of tables, indexes and views.
std::string ledger_schema();

}  // namespace tessera
