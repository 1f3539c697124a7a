// db: care of the ledger. rebuild: from all journals, whatever state the database is in. check: against itself and the files.
// digest: what it says, as one hash.
#include <fmt/format.h>

#include <cstdio>

#include "cli/ledger_access.hpp"
#include "core/error.hpp"
#include "registry/ledger/check.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/digest.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {

int rebuild_verb(const CommonOptions& common) {
  const auto report = rebuild(common.results);
  for (const auto& problem : report.problems) fmt::print(stderr, "tessera: {}\n", problem);
  if (common.json)
    print_json({{"journals", report.journals}, {"lines", report.lines}, {"points", report.points}, {"problems", report.problems}});
  else
    fmt::print("{}: {} points from {} lines of {} journals\n", ledger_file(common.results).string(), report.points, report.lines,
               report.journals);
  return static_cast<int>(report.problems.empty() ? ExitCode::ok : ExitCode::ledger);
}

int check_verb(const CommonOptions& common) {
  auto database = open_ledger(common);
  auto problems = with_ledger_errors(ledger_file(common.results), [&] { return check_ledger(database, common.results); });
  const auto outputs = with_ledger_errors(ledger_file(common.results), [&] { return check_outputs(database, common.results); });
  problems.insert(problems.end(), outputs.begin(), outputs.end());
  if (common.json) print_json({{"problems", problems}});
  for (const auto& problem : problems)
    if (!common.json) fmt::print("{}\n", problem);
  if (problems.empty() && !common.json)
    fmt::print("{}: whole, and in agreement with journals and stages\n", ledger_file(common.results).string());
  return static_cast<int>(problems.empty() ? ExitCode::ok : ExitCode::ledger);
}

int digest_verb(const CommonOptions& common) {
  auto database = open_ledger(common);
  const auto result = with_ledger_errors(ledger_file(common.results), [&] { return digest(database); });
  if (common.json) {
    Json tables = Json::object();
    for (const auto& [name, hash] : result.tables) tables[name] = hash;
    print_json({{"sha256", result.sha256}, {"tables", std::move(tables)}});
  } else {
    fmt::print("{}\n", result.sha256);
  }
  return 0;
}

}  // namespace

int verb_db(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 1, 1)) return 0;
  const std::string& act = line.words()[0];
  if (act == "rebuild") return rebuild_verb(line.common());
  if (act == "check") return check_verb(line.common());
  if (act == "digest") return digest_verb(line.common());
  throw Error(ExitCode::bad_config, fmt::format("db: found '{}', expected rebuild, check or digest", act));
}

}  // namespace tessera
