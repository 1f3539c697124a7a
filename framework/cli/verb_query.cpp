// query: the user's own SQL, or a named query. `tessera query` alone lists the named ones and the views.
#include <fmt/format.h>

#include <boost/program_options.hpp>

#include "cli/ledger_access.hpp"
#include "cli/text_table.hpp"
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
  if (sql[0] == '@') sql = named_query(sql.substr(1)).sql;
  if (sql_only) {
    fmt::print("{}\n", sql);
    return 0;
  }
  auto database = open_ledger(line.common());
  const Table table = with_ledger_errors(ledger_file(line.common().results), [&] {
    return query(database, sql, {line.words().begin() + 1, line.words().end()});
  });
  if (table.rows.empty()) fmt::print(stderr, "tessera: no row answers this\n");
  if (line.common().json)
    print_json(to_json(table));
  else
    fmt::print("{}", csv ? to_csv(table) : to_text(table));
  return 0;
}

}  // namespace tessera
