// The recorder as a program of its own, for tests that kill it.
//   ledger_tool record|rebuild|digest|check RESULTS    ledger_tool faults
#include <fmt/format.h>

#include <string>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "registry/ledger/check.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/digest.hpp"
#include "registry/ledger/record.hpp"

int main(int argc, char** argv) {
  using namespace tessera;
  const std::string verb = argc > 1 ? argv[1] : "", results = argc > 2 ? argv[2] : "";
  try {
    if (verb == "faults") {
      for (const auto& name : fault_points()) fmt::print("{}\n", name);
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
