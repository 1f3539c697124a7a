// compare: arms × metrics of an experiment. Without metrics: one number a stage, those that have a goal.
#include <fmt/format.h>

#include <boost/program_options.hpp>

#include "cli/compare/comparison_text.hpp"
#include "cli/compare/frontier_text.hpp"
#include "cli/ledger/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

void refuse_uncontrolled(const Controls& controls) {
  if (controls.uncontrolled() == 0) return;
  std::string text = fmt::format("compare --strict: found {} uncontrolled difference{}, expected none:", controls.uncontrolled(),
                                 controls.uncontrolled() == 1 ? "" : "s");
  for (const auto& one : controls.differences)
    if (is_uncontrolled(one)) text += "\n  " + sentence(one);
  throw Error(ExitCode::run_failed, text);
}

}  // namespace

int verb_compare(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool strict = false, frontier = false;
  line.options().add_options()("frontier", boost::program_options::bool_switch(&frontier),
                               "Show quality against counted cost: which cells are dominated, and by whom.")(
      "strict", boost::program_options::bool_switch(&strict),
      "Refuse, with exit code 1, where cells differ in anything that no option asks for.");
  if (!line.parse(arguments, 1)) return 0;
  auto database = open_ledger(line.common());
  const auto comparison = with_ledger_errors(ledger_file(line.common().results), [&] {
    return compare(
        database,
        {line.words()[0], {line.words().begin() + 1, line.words().end()}, frontier ? FrontierDetail::kRivals : FrontierDetail::kNone});
  });
  if (strict) refuse_uncontrolled(comparison.controls);
  if (line.common().json)
    print_json(to_json(comparison));
  else
    fmt::print("{}",
               frontier ? frontiers_text(comparison, terminal_width()) : comparison_text(comparison, line.common(), terminal_width()));
  return 0;
}

}  // namespace tessera
