// db: care of the ledger. rebuild: from all journals, whatever state the database is in. check: against itself and the files.
// digest: what it says, as one hash. datasette: metadata for those who serve it with Datasette.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "cli/ledger/ledger_access.hpp"
#include "cli/output_file.hpp"
#include "core/error.hpp"
#include "registry/ledger/check.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/datasette.hpp"
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

// Needs no ledger: it tells of views and queries, not of what they hold.
int datasette_verb(const CommonOptions& common, const OutputFile& out) {
  const Json metadata = datasette_metadata();
  if (!out || out.is_standard_output()) {
    print_json(metadata);
    return 0;
  }
  out.write(metadata.dump(2) + "\n");
  const std::string serve = fmt::format("datasette {} --metadata {}", ledger_file(common.results).string(), out.name());
  if (common.json)
    print_json({{"file", out.name()}, {"serve", serve}});
  else
    fmt::print("{}: now {}\n", out.name(), serve);
  return 0;
}

}  // namespace

int verb_db(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  OutputForm form{"FILE.json", "datasette: where to write (default: standard output).", {".json"}};
  form.json_is_content = true;
  OutputFile out(line, form);
  if (!line.parse(arguments, 1, 1)) return 0;
  out.check();
  const std::string& act = line.words()[0];
  if (out && act != "datasette")
    throw Error(ExitCode::bad_config, fmt::format("db: found --out with {}, expected it with datasette only", act));
  if (act == "rebuild") return rebuild_verb(line.common());
  if (act == "check") return check_verb(line.common());
  if (act == "digest") return digest_verb(line.common());
  if (act == "datasette") return datasette_verb(line.common(), out);
  throw Error(ExitCode::bad_config, fmt::format("db: found '{}', expected rebuild, check, digest or datasette", act));
}

}  // namespace tessera
