// query: the user's own SQL, or a named query. `tessera query` alone lists the named ones and the views.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <iterator>
#include <sstream>

#include "cli/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "experiment/compare/comparison.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/schema.hpp"

namespace tessera {
namespace {

void print_what_there_is() {
  TextTable queries({{"query"}, {"answers"}});
  for (const auto& named : named_queries()) queries.add({fmt::format("@{} {}", named.name, named.parameters), named.summary});
  TextTable views({{"view"}, {"holds"}});
  for (const auto& view : ledger_views()) views.add({view.name, view.doc});
  fmt::print("{}\n{}\nA SELECT of your own: tessera query \"SELECT cell, metric, value FROM v_score WHERE experiment = ?\" quickstart\n",
             queries.text(), views.text());
}

// "EXPERIMENT [METRIC]": names are those of the ledger, what stands before the bracket must be given.
void check_parameters(SQLite::Database& database, const NamedQuery& named, std::vector<std::string>& values) {
  std::istringstream words(named.parameters);
  std::vector<std::string> names{std::istream_iterator<std::string>(words), {}};
  const auto needed =
      static_cast<size_t>(std::find_if(names.begin(), names.end(), [](const auto& name) { return name[0] == '['; }) - names.begin());
  if (values.size() < needed || values.size() > names.size())
    throw Error(ExitCode::bad_config, fmt::format("query @{}: found {}, expected {}", named.name,
                                                  values.size() == 1 ? "1 word" : fmt::format("{} words", values.size()),
                                                  names.empty() ? "none" : named.parameters));
  if (!values.empty() && names[0].find("EXPERIMENT") != std::string::npos) values[0] = find_ledger_experiment(database, values[0]);
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
  if (named) check_parameters(database, *named, values);
  const Table table = with_ledger_errors(ledger_file(line.common().results), [&] { return query(database, sql, values); });
  if (table.rows.empty()) fmt::print(stderr, "tessera: no row answers this\n");
  if (line.common().json)
    print_json(to_json(table));
  else
    fmt::print("{}", csv ? to_csv(table) : to_text(table));
  return 0;
}

}  // namespace tessera
