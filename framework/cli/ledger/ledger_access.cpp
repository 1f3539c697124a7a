#include "cli/ledger/ledger_access.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {

// Rows stay lines on a terminal; what is piped is whole.
const size_t kWidestCell = ::isatty(STDOUT_FILENO) ? 60 : 100000;

std::string cell_text(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return format_number(*number);
  if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
  if (const auto* blob = std::get_if<BlobValue>(&value)) return fmt::format("({} bytes)", blob->bytes.size());
  if (!std::holds_alternative<std::string>(value)) return "";
  std::string text = valid_utf8(std::get<std::string>(value));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return shortened(text, kWidestCell);
}

std::string csv_field(const Value& value) {
  const Json json = to_json(value);
  if (json.is_null()) return "";
  std::string text = json.is_string() ? json.get<std::string>() : to_line(json);
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

SQLite::Database open_ledger(const CommonOptions& common) {
  const auto report = record(common.results, std::chrono::seconds(5), std::chrono::seconds(5));
  for (const auto& problem : report.problems) fmt::print(stderr, "tessera: warning: {}\n", problem);
  if (!report.recorded) fmt::print(stderr, "tessera: the ledger is shown as it was last recorded: {}\n", report.skipped);
  if (report.behind > 0)
    fmt::print(stderr, "tessera: the ledger is shown as far as it is recorded, {:.0f} MB of journals are left: tessera record\n",
               std::ceil(static_cast<double>(report.behind) / 1e6));
  return open_read_only(ledger_file(common.results));
}

Json to_json(const Table& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (size_t i = 0; i < row.size(); ++i) object[table.columns[i]] = to_json(row[i]);
    rows.push_back(std::move(object));
  }
  return rows;
}

std::string to_csv(const Table& table) {
  std::string text = fmt::format("{}\n", fmt::join(table.columns, ","));
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) text += (i ? "," : "") + csv_field(row[i]);
    text += "\n";
  }
  return text;
}

std::string to_text(const Table& table, size_t width) {
  std::vector<TextColumn> columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool numbers =
        std::all_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return !std::holds_alternative<std::string>(row[i]); });
    columns.push_back({table.columns[i], numbers && !table.rows.empty()});
  }
  TextTable text(std::move(columns));
  for (const auto& row : table.rows) {
    std::vector<std::string> cells;
    for (const auto& value : row) cells.push_back(cell_text(value));
    text.add(std::move(cells));
  }
  return text.text(0, width);
}

void print_json(const Json& value) { fmt::print("{}\n", value.dump(2, ' ', false, Json::error_handler_t::replace)); }

}  // namespace tessera
