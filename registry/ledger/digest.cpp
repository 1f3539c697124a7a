#include "registry/ledger/digest.hpp"

#include <SQLiteCpp/Statement.h>

#include <cstring>

#include "core/hash.hpp"

namespace tessera {
namespace {

// Each row as its natural key and values; every query is sorted by the key.
const std::vector<std::pair<const char*, const char*>>& tables() {
  static const std::vector<std::pair<const char*, const char*>> list = {
      {"experiment", "SELECT name, question, source, baseline FROM experiment ORDER BY name"},
      {"cell", "SELECT experiment, cell_hash, cell, current FROM v_cell ORDER BY 1, 2"},
      {"cell_axis", "SELECT c.experiment, c.cell_hash, a.axis, a.point FROM v_cell c JOIN cell_axis a ON a.cell = c.id ORDER BY 1, 2, 3"},
      {"option",
       "SELECT c.experiment, c.cell_hash, o.key, o.value, o.origin FROM v_cell c JOIN option o ON o.cell = c.id ORDER BY 1, 2, 3"},
      {"trial", "SELECT experiment, cell_hash, seed, current FROM v_trial ORDER BY 1, 2, 3"},
      {"trial_stage",
       "SELECT t.experiment, t.cell_hash, t.seed, x.slot, s.key FROM v_trial t JOIN trial_stage x ON x.trial = t.id "
       "JOIN stage s ON s.id = x.stage ORDER BY 1, 2, 3, 4"},
      {"stage", "SELECT key, kind, parts, published IS NOT NULL FROM stage ORDER BY key"},
      {"stage_input",
       "SELECT s.key, x.slot, i.key FROM stage_input x JOIN stage s ON s.id = x.stage JOIN stage i ON i.id = x.input ORDER BY 1, 2"},
      {"stage_plugin",
       "SELECT s.key, x.slot, p.sha256, p.kind, p.name, p.revision FROM stage s JOIN stage_plugin x ON x.stage = s.id AND "
       "x.run = s.published JOIN plugin p ON p.id = x.plugin ORDER BY 1, 2"},
      {"artifact",
       "SELECT s.key, a.name, a.sha256, a.bytes FROM stage s JOIN artifact a ON a.stage = s.id AND a.run = s.published ORDER BY 1, 2"},
      {"input_read",
       "SELECT s.key, r.slot, r.name, r.sha256 FROM stage s JOIN input_read r ON r.stage = s.id AND r.run = s.published "
       "ORDER BY 1, 2, 3"},
      {"metric", "SELECT kind, name, revision, axis, goal, unit, definition FROM metric WHERE NOT timing ORDER BY 1, 2, 3"},
      {"point",
       "SELECT s.key, m.kind, m.name, m.revision, p.step, p.value FROM stage s JOIN summary y ON y.stage = s.id "
       "JOIN metric m ON m.id = y.metric JOIN point p ON p.stage = s.id AND p.metric = m.id WHERE NOT m.timing ORDER BY 1, 2, 3, 4, 5"},
      {"summary",
       "SELECT s.key, m.kind, m.name, m.revision, y.n, y.n_nan, y.last, y.min, y.max, y.sum, y.steps FROM stage s "
       "JOIN summary y ON y.stage = s.id JOIN metric m ON m.id = y.metric WHERE NOT m.timing ORDER BY 1, 2, 3, 4"},
      {"tag", "SELECT kind, experiment, cell_hash, seed, stage, text FROM v_tag ORDER BY 1, 2, 3, 4, 5, 6"},
      {"sample",
       "SELECT s.key, a.idx, a.noise_seed, a.label, a.ids, a.commit_step, a.logprob, a.png FROM sample a "
       "JOIN stage s ON s.id = a.stage ORDER BY 1, 2"},
  };
  return list;
}

// Type, length, bytes: no two rows run into one another, and a double counts to its last bit.
void add_column(std::string& text, const SQLite::Column& column) {
  if (column.isNull()) {
    text += "n;";
  } else if (column.isFloat()) {
    double value = column.getDouble();
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text += "d";
    text.append(bytes, sizeof value);
  } else {
    const bool integer = column.isInteger();
    const std::string value = integer ? std::to_string(column.getInt64()) : column.getString();
    text += (integer ? "i" : "t") + std::to_string(value.size()) + ":" + value;
  }
}

std::string digest_of(SQLite::Database& database, const char* query) {
  SQLite::Statement row(database, query);
  Sha256 sum;
  std::string text;
  while (row.executeStep()) {
    text.clear();
    for (int i = 0; i < row.getColumnCount(); ++i) add_column(text, row.getColumn(i));
    text += "\n";
    sum.update(text.data(), text.size());
  }
  return sum.hex();
}

}  // namespace

LedgerDigest digest(SQLite::Database& database) {
  LedgerDigest result;
  std::string all;
  for (const auto& [name, query] : tables()) {
    result.tables.emplace_back(name, digest_of(database, query));
    all += std::string(name) + " " + result.tables.back().second + "\n";
  }
  result.sha256 = sha256(all);
  return result;
}

}  // namespace tessera
