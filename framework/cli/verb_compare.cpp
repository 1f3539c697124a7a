// compare: arms × metrics of an experiment. Without metrics: one number a stage, those that have a goal.
#include <fmt/format.h>

#include "cli/comparison_text.hpp"
#include "cli/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {

int verb_compare(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 1)) return 0;
  auto database = open_ledger(line.common());
  const auto comparison = with_ledger_errors(ledger_file(line.common().results), [&] {
    return compare(database, {line.words()[0], {line.words().begin() + 1, line.words().end()}});
  });
  if (line.common().json)
    print_json(to_json(comparison));
  else
    fmt::print("{}", comparison_text(comparison, terminal_width()));
  return 0;
}

}  // namespace tessera
