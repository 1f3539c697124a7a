// query: the user's own SQL, or a named query. `tessera query` alone lists the named ones and the views.
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <iterator>
#include <set>
#include <sstream>

#include "cli/ledger/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "experiment/compare/comparison.hpp"
#include "experiment/trials/metric_words.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {

void print_what_there_is() {
  TextTable queries({{"query"}, {"answers"}});
  for (const auto& named : named_queries()) queries.add({fmt::format("@{} {}", named.name, named.parameters), named.summary});
  TextTable views({{"view"}, {"holds"}});
  for (const auto& view : ledger_views()) views.add({view.name, view.doc});
  fmt::print("{}\n{}\nA SELECT of your own:\n  tessera query \"SELECT cell, metric, value FROM v_score WHERE experiment = ?\" quickstart\n",
             queries.text(), views.text());
}

// The word becomes the metric's name, as views have it. Returns the slots that it names, none for a name that stands for itself.
std::set<std::string> find_metric(SQLite::Database& database, const NamedQuery& named, const std::string& experiment, std::string& word) {
  SQLite::Statement row(
      database,
      "SELECT DISTINCT x.slot, m.name, m.axis = 'sample', m.goal FROM v_trial v JOIN trial_stage x ON x.trial = v.id JOIN "
      "summary y ON y.stage = x.stage JOIN metric m ON m.id = y.metric WHERE v.experiment = ? AND v.current ORDER BY 1, 2");
  row.bind(1, experiment);
  std::vector<MetricName> metrics;
  while (row.executeStep()) {
    const auto slot = row.getColumn(0).getString(), name = row.getColumn(1).getString();
    if (name == word) return {};
    metrics.push_back({0, slot, name, metric_rank(slot, row.getColumn(2).getInt() != 0, row.getColumn(3).getString())});
  }
  std::set<std::string> slots;
  for (const auto& one : metrics_named(fmt::format("query @{}", named.name), word, metrics)) {
    slots.insert(one.slot);
    word = one.name;
  }
  return slots;
}

void keep_slots(Table& table, const std::set<std::string>& slots) {
  const auto column = std::find(table.columns.begin(), table.columns.end(), "slot") - table.columns.begin();
  const auto other = [&](const auto& row) { return slots.count(std::get<std::string>(row[static_cast<size_t>(column)])) == 0; };
  table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(), other), table.rows.end());
}

// "EXPERIMENT [METRIC]": names are those of the ledger, what stands before the bracket must be given.
// Returns the slots whose metric is asked for; none: all.
std::set<std::string> check_parameters(SQLite::Database& database, const NamedQuery& named, std::vector<std::string>& values) {
  std::istringstream words(named.parameters);
  std::vector<std::string> names{std::istream_iterator<std::string>(words), {}};
  const auto needed =
      static_cast<size_t>(std::find_if(names.begin(), names.end(), [](const auto& name) { return name[0] == '['; }) - names.begin());
  if (values.size() < needed || values.size() > names.size())
    throw Error(ExitCode::bad_config, fmt::format("query @{}: found {}, expected {}", named.name,
                                                  values.size() == 1 ? "1 word" : fmt::format("{} words", values.size()),
                                                  names.empty() ? "none" : named.parameters));
  if (!values.empty() && names[0].find("EXPERIMENT") != std::string::npos) values[0] = find_ledger_experiment(database, values[0]);
  for (size_t i = 1; i < values.size(); ++i)
    if (names[i].find("METRIC") != std::string::npos) return find_metric(database, named, values[0], values[i]);
  return {};
}

}  // namespace

int verb_query(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool csv = false, sql_only = false;
  line.options().add_options()("csv", boost::program_options::bool_switch(&csv), "Print comma-separated values.")(
      "sql", boost::program_options::bool_switch(&sql_only), "Print the SQL of a named query instead of its answer.");
  if (!line.parse(arguments)) return 0;
  if (line.words().empty()) {
    print_what_there_is();
    return 0;
  }
  std::string sql = line.words()[0];
  std::vector<std::string> values(line.words().begin() + 1, line.words().end());
  const NamedQuery* named = sql[0] == '@' ? &named_query(sql.substr(1)) : nullptr;
  if (named) sql = named->sql;
  if (sql_only) {
    fmt::print("{}\n", sql);
    return 0;
  }
  auto database = open_ledger(line.common());
  std::set<std::string> slots;
  if (named) slots = check_parameters(database, *named, values);
  Table table = with_ledger_errors(ledger_file(line.common().results), [&] { return query(database, sql, values); });
  if (!slots.empty()) keep_slots(table, slots);
  // In a pipe a row stays a line: it is data for other programs.
  const bool whole = !::isatty(STDOUT_FILENO) && !std::getenv("COLUMNS");
  if (table.rows.empty()) fmt::print(stderr, "tessera: no row answers this\n");
  if (line.common().json)
    print_json(to_json(table));
  else
    fmt::print("{}", csv ? to_csv(table) : to_text(table, whole ? 0 : terminal_width()));
  return 0;
}

}  // namespace tessera
