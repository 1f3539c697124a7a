// The recorder as a program of its own, for tests that kill it.
//   ledger_tool record|rebuild|digest|check RESULTS
//   ledger_tool faults     names of the fault points
//   ledger_tool reference  the sections of framework/docs/ledger.md that derive from declarations
#include <fmt/format.h>

#include <string>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "registry/ledger/check.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/digest.hpp"
#include "registry/ledger/query.hpp"
#include "registry/ledger/record.hpp"
#include "registry/ledger/schema.hpp"

namespace {

void print_reference() {
  for (const auto& view : tessera::ledger_views()) {
    fmt::print("### {}\n{}\n\n| column | meaning |\n|---|---|\n", view.name, view.doc);
    for (const auto& column : view.columns) fmt::print("| `{}` | {} |\n", column.name, column.doc);
    fmt::print("\n");
  }
  fmt::print("## Named queries\n\n| query | answers |\n|---|---|\n");
  for (const auto& named : tessera::named_queries())
    fmt::print("| `@{}{}{}` | {} |\n", named.name, *named.parameters ? " " : "", named.parameters, named.summary);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tessera;
  const std::string verb = argc > 1 ? argv[1] : "", results = argc > 2 ? argv[2] : "";
  try {
    if (verb == "faults") {
      for (const auto& name : fault_points()) fmt::print("{}\n", name);
    } else if (verb == "reference") {
      print_reference();
    } else if (verb == "digest" || verb == "check") {
      auto database = open_read_only(ledger_file(results));
      if (verb == "digest") fmt::print("{}\n", digest(database).sha256);
      if (verb == "check") {
        const auto problems = check_ledger(database, results);
        for (const auto& problem : problems) fmt::print("{}\n", problem);
        return problems.empty() ? 0 : 4;
      }
    } else {
      const auto report = verb == "rebuild" ? rebuild(results) : record(results);
      for (const auto& problem : report.problems) fmt::print(stderr, "{}\n", problem);
    }
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.code());
  }
}
