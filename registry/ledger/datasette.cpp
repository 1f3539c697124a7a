#include "registry/ledger/datasette.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "registry/ledger/query.hpp"
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {

// Columns with few values, by which one narrows a view down.
bool is_facet(const std::string& column) {
  static const std::set<std::string> few = {"experiment", "cell", "slot", "kind", "state", "metric"};
  return few.count(column) > 0;
}

Json table_metadata(const View& view) {
  Json columns = Json::object(), facets = Json::array();
  for (const auto& column : view.columns) {
    columns[column.name] = column.doc;
    if (is_facet(column.name)) facets.push_back(column.name);
  }
  Json table = {{"title", view.name}, {"description", view.doc}, {"columns", std::move(columns)}};
  if (!facets.empty()) table["facets"] = std::move(facets);
  return table;
}

// "[EXPERIMENT [METRIC]]" -> experiment, metric.
std::vector<std::string> parameter_names(const std::string& parameters) {
  std::vector<std::string> names(1);
  for (const char c : parameters) {
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_')
      names.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!names.back().empty())
      names.emplace_back();
  }
  if (names.back().empty()) names.pop_back();
  return names;
}

// A field left empty comes as '', where a word left out of `tessera query @name` is NULL.
std::string with_named_parameters(std::string sql, const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string number = fmt::format("?{}", i + 1), name = fmt::format("nullif(:{}, '')", names[i]);
    for (auto at = sql.find(number); at != std::string::npos; at = sql.find(number, at + name.size())) sql.replace(at, number.size(), name);
  }
  return sql;
}

Json query_metadata(const NamedQuery& named) {
  const auto names = parameter_names(named.parameters);
  const std::string parameters = *named.parameters ? fmt::format(" Fields: {}; those in brackets may stay empty.", named.parameters) : "";
  return {{"title", named.name},
          {"description", fmt::format("{}.{}", named.summary, parameters)},
          {"sql", with_named_parameters(named.sql, names)},
          {"params", names}};
}

}  // namespace

Json datasette_metadata() {
  Json tables = Json::object(), queries = Json::object();
  for (const auto& view : ledger_views()) tables[view.name] = table_metadata(view);
  for (const auto& named : named_queries()) queries[named.name] = query_metadata(named);
  const Json database = {
      {"title", "Tessera's ledger"},
      {"description", "Every experiment, trial, stage, metric and sample, as the journals of the results folder tell it."},
      {"tables", std::move(tables)},
      {"queries", std::move(queries)}};
  return {{"title", "Tessera's ledger"},
          {"description", "Views whose names begin with v_ are the public ones; count distinct stages, never trials."},
          {"databases", {{"tessera", database}}}};
}

}  // namespace tessera
