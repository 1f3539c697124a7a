#include <fmt/format.h>

#include "cli/ledger/ledger_access.hpp"
#include "cli/run/closing.hpp"
#include "cli/workbench.hpp"
#include "core/error.hpp"
#include "core/text_table.hpp"
#include "experiment/plan/past_runs.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

// Where nothing was measured yet, or the ledger cannot be read, a plan is a plan all the same.
void add_costs(Plan& plan, const CommonOptions& common) {
  if (!std::filesystem::exists(ledger_file(common.results))) return;
  warn_of_other_source(plan, common);
  if (plan.count(StageState::to_run) == 0) return;
  try {
    auto database = open_ledger(common);
    const auto measured = measured_stages(database);
    for (auto& stage : plan.stages)
      if (stage.state == StageState::to_run) stage.cost = estimate_cost(plan, stage, measured);
  } catch (const Error& error) {
    fmt::print(stderr, "tessera: warning: no cost is shown: {}\n", error.what());
  }
}

}  // namespace

int verb_plan(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  ExperimentWords words(line);
  if (!line.parse(arguments, 1)) return 0;
  const auto experiment = words.read();
  Workbench bench(line.common());
  auto plan = make_plan(experiment, bench.declarations(), bench.checker(), line.common().results);
  add_costs(plan, line.common());
  if (line.common().json)
    fmt::print("{}\n", plan_json(plan).dump(2, ' ', false, Json::error_handler_t::replace));
  else if (plan.problems.empty() || !plan.trials.empty())
    fmt::print("{}", plan_text(plan, terminal_width()));
  if (plan.problems.empty()) return 0;
  throw Error(plan.problem_code, problems_text(plan));
}

}  // namespace tessera
