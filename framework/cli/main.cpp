// tessera: the front. Plans, schedules, records, compares; links no LibTorch and opens no plugin, so it starts at once.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "cli/verb.hpp"
#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/files.hpp"
#include "core/option_schema.hpp"
#include "core/text_table.hpp"
#include "experiment/describe/run_policy.hpp"

namespace tessera {
namespace {

void print_usage() {
  const auto title = fmt::format("Tessera {}: a workbench for two-stage image generation with discrete tokens.", TESSERA_VERSION);
  fmt::print("{}\nUsage: tessera VERB …\n\n", wrapped(title, terminal_width(), 0));
  TextTable table({{""}, {""}});
  for (const auto& verb : verbs()) table.add({verb.name, verb.summary});
  fmt::print("{}\n", table.text(2));
  for (const char* text : {"`tessera VERB --help` explains a verb. Every verb knows --results DIR, --plugin-path DIR and --json.",
                           "Exit codes: 0 ok, 1 run failed, 2 bad configuration, 3 bad plugin, 4 ledger, 75 interrupted and resumable."})
    fmt::print("{}", wrapped(text, terminal_width(), 0));
}

[[noreturn]] void unknown_verb(const std::string& word) {
  std::vector<std::string> names;
  for (const auto& verb : verbs()) names.emplace_back(verb.name);
  const auto near = did_you_mean(word, names);
  throw Error(ExitCode::bad_config, fmt::format("found '{}', expected a verb: {}{}", word, fmt::join(names, ", "),
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    print_usage();
    return arguments.empty() ? static_cast<int>(ExitCode::bad_config) : 0;
  }
  if (arguments[0] == "--version") {
    fmt::print("tessera {}\n", TESSERA_VERSION);
    return 0;
  }
  if (arguments[0] == "--fault-points") {  // for tests
    for (const auto& point : fault_points()) fmt::print("{}\n", point);
    return 0;
  }
  if (arguments[0] == "--run-options") {  // for the reference
    Json options = Json::array();
    for (const auto& option : run_options()) options.push_back(option.to_json());
    fmt::print("{}\n", options.dump());
    return 0;
  }
  for (const auto& verb : verbs())
    if (arguments[0] == verb.name) return verb.run(verb, {arguments.begin() + 1, arguments.end()});
  unknown_verb(arguments[0]);
}

// Whether standard output is no pipe whose reader has gone.
bool is_read() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, 0) < 0 || (out.revents & POLLERR) == 0;
}

// Where stderr is gone nothing can be said, and nothing is thrown. Behind what was printed, also where both go into one file.
void complain(const std::string& text) {
  std::fflush(stdout);
  std::fputs(("tessera: " + text + "\n").c_str(), stderr);
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  tessera::open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // writes fail, nothing is killed in the middle
  int write_error = 0;
  int code = static_cast<int>(tessera::ExitCode::run_failed);
  try {
    code = tessera::dispatch({argv + 1, argv + argc});
  } catch (const tessera::Error& error) {
    tessera::complain(error.what());
    code = static_cast<int>(error.code());
  } catch (const std::filesystem::filesystem_error& error) {
    tessera::complain(error.path1().string() + ": " + error.code().message());
  } catch (const std::system_error& error) {
    // Of what could not be printed is spoken below.
    if (std::ferror(stdout) && std::strstr(error.what(), "cannot write to file"))
      write_error = error.code().value();
    else
      tessera::complain(error.what());
  } catch (const std::exception& error) {
    tessera::complain(error.what());
  }
  // What could not be written was not said. `tessera ls | head` ends quietly: nobody reads on.
  const bool earlier = std::ferror(stdout) != 0;
  if (std::fflush(stdout) != 0) write_error = errno;
  if ((earlier || write_error != 0) && write_error != EPIPE && tessera::is_read()) {
    tessera::complain(std::string("standard output: ") + (write_error != 0 ? std::strerror(write_error) : "cannot be written"));
    code = static_cast<int>(tessera::ExitCode::run_failed);
  }
  return code;
}
