#include <fmt/format.h>

#include "cli/workbench.hpp"
#include "core/error.hpp"

namespace tessera {

int verb_plan(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 1)) return 0;
  const auto& words = line.words();
  const auto experiment = read_experiment(find_experiment(words[0]), {words.begin() + 1, words.end()});
  Workbench bench(line.common());
  const auto plan = make_plan(experiment, bench.declarations(), bench.checker(), line.common().results);
  if (line.common().json)
    fmt::print("{}\n", plan_json(plan).dump(2, ' ', false, Json::error_handler_t::replace));
  else if (plan.problems.empty() || !plan.cells.empty())
    fmt::print("{}", plan_text(plan));
  if (plan.problems.empty()) return 0;
  throw Error(plan.problem_code, problems_text(plan));
}

}  // namespace tessera
