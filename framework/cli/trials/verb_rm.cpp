// rm: takes trials out of the ledger's current ones; says what that means first. Files are `cache gc`'s affair.
#include <fmt/format.h>

#include <boost/program_options.hpp>

#include "cli/command_text.hpp"
#include "cli/ledger/ledger_access.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/text_table.hpp"
#include "experiment/trials/removal.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {

int verb_rm(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool yes = false;
  line.options().add_options()("yes", boost::program_options::bool_switch(&yes), "Do it; without, only what would happen is said.");
  if (!line.parse(arguments, 1, 1)) return 0;
  const auto& common = line.common();
  auto database = open_ledger(common);
  return with_ledger_errors(ledger_file(common.results), [&] {
    const auto subject = find_subject(database, verb.name, line.words()[0], {Subject::trial, Subject::cell, Subject::experiment});
    const auto removal = find_removal(database, subject);
    if (removal.trials.empty())
      throw Error(ExitCode::bad_config, fmt::format("rm: {} {} has no current trial; `tessera ls --retired` lists the others",
                                                    to_string(subject.kind), subject.name));
    if (!removal.running.empty())
      throw Error(ExitCode::run_failed, fmt::format("rm: {} is running: nothing was removed", fmt::join(removal.running, ", ")));
    std::vector<std::string> argv = {verb.name};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    if (yes) write_removal(common.results, argv, subject);
    if (common.json) {
      print_json(
          {{"removed", yes}, {"trials", removal.trials}, {"stages_alone", removal.stages_alone}, {"stages_shared", removal.stages_shared}});
      return 0;
    }
    if (!yes)
      for (const auto& trial : removal.trials) fmt::print("{}\n", trial);
    const bool one = removal.trials.size() == 1;
    const auto summary =
        fmt::format("{} {}; {} of {} stages are shared with other trials, {} become garbage", yes ? "Removed" : "Would remove",
                    counted(removal.trials.size(), "trial"), removal.stages_shared, one ? "its" : "their", removal.stages_alone);
    fmt::print("{}", wrapped(summary, terminal_width(), 0));
    if (!yes) {
      fmt::print("Nothing was removed: add --yes\n");
      return 0;
    }
    // Commands stay whole.
    fmt::print("Numbers: {}\nFiles: {}\nRunning the experiment again brings {} back\n",
               command_text({"ls", subject.experiment_name, "--retired"}, common), command_text({"cache", "gc"}, common),
               one ? "it" : "them");
    return 0;
  });
}

}  // namespace tessera
