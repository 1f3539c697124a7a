#include "cli/run/asked_experiment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/ledger/ledger_access.hpp"
#include "core/error.hpp"
#include "experiment/compare/comparison.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {

std::string asked_experiment(const CommonOptions& common, const std::vector<LiveFront>& fronts, const std::string& word) {
  if (!std::filesystem::is_directory(common.results))
    throw Error(ExitCode::ledger, fmt::format("{}: no such results folder", common.results.string()));
  const auto runs_it = [&](const LiveFront& front) { return front.status.is_object() && front.status.value("experiment", "") == word; };
  if (word.empty() || std::any_of(fronts.begin(), fronts.end(), runs_it)) return word;
  auto database = open_ledger(common);
  return with_ledger_errors(ledger_file(common.results), [&] { return find_ledger_experiment(database, word); });
}

}  // namespace tessera
