// stop: the signal that Ctrl-C in the run's own terminal would be, and the wait for its end.
#include <fmt/format.h>
#include <signal.h>

#include <boost/program_options.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "cli/run/asked_experiment.hpp"
#include "cli/run/slurm_run.hpp"
#include "cli/verb.hpp"
#include "core/error.hpp"
#include "core/journal.hpp"
#include "core/json.hpp"
#include "core/machine.hpp"
#include "experiment/run/front_journal.hpp"

namespace tessera {
namespace {

std::string name_of(const LiveFront& front) {
  const auto experiment = front.status.is_object() ? front.status.value("experiment", "") : std::string();
  return fmt::format("{} (process {} on {})", experiment.empty() ? "a run" : experiment, front.pid, front.host);
}

// A front that was suspended (Ctrl-Z) hears nothing before it goes on; two signals that wait are one.
void send(const LiveFront& front, int times) {
  for (int i = 0; i < 2 * times; ++i) {
    if (i == 2) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (::kill(static_cast<pid_t>(front.pid), i % 2 == 0 ? SIGTERM : SIGCONT) != 0 && errno != ESRCH)
      throw Error(ExitCode::run_failed, fmt::format("stop: {}: {}", name_of(front), std::strerror(errno)));
  }
}

bool wait_for_end(const std::filesystem::path& results, const LiveFront& front, std::chrono::seconds patience) {
  const auto journal = results / "fronts" / (front.uuid + ".jsonl");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (journal_writer_lives(journal) == true) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

}  // namespace

int verb_stop(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool now = false;
  int64_t patience = 120;
  line.options().add_options()("now", boost::program_options::bool_switch(&now),
                               "Kill the hosts; what they did since their last checkpoint is done again.")(
      "wait", boost::program_options::value(&patience)->value_name("SECONDS"), "How long to wait for the end (default: 120).");
  if (!line.parse(arguments, 0, 1)) return 0;
  if (patience < 0) throw Error(ExitCode::bad_config, fmt::format("--wait: found {}, expected a number of at least 0", patience));
  const auto live = live_fronts(line.common().results);
  const auto wanted = asked_experiment(line.common(), live, line.words().empty() ? "" : line.words()[0]);
  std::vector<LiveFront> fronts;
  Json stopped = Json::array();
  for (const auto& front : live)
    if (wanted.empty() || (front.status.is_object() && front.status.value("experiment", "") == wanted)) fronts.push_back(front);
  for (const auto& front : fronts)
    if (front.host != machine_name())
      throw Error(ExitCode::run_failed,
                  fmt::format("stop: {} runs on another machine than this, {}: stop it there", name_of(front), machine_name()));
  for (const auto& front : fronts) send(front, now ? 2 : 1);
  for (const auto& front : fronts) {
    if (!wait_for_end(line.common().results, front, std::chrono::seconds(patience)))
      throw Error(ExitCode::run_failed,
                  fmt::format("stop: {} has not ended within {} s; {}", name_of(front), patience,
                              now ? fmt::format("`kill -9 {}` ends it and its hosts; nothing recorded is lost", front.pid)
                                  : "--now kills its hosts"));
    stopped.push_back({{"uuid", front.uuid}, {"pid", front.pid}});
    if (!line.common().json) fmt::print("Stopped {}. `tessera retry {}` goes on.\n", name_of(front), front.status.value("experiment", ""));
  }
  if (line.common().json) {
    fmt::print("{}\n", stopped.dump(2));
    return 0;
  }
  const auto queued = queue_text(ask_queue(line.common().results));
  if (fronts.empty() && queued.empty()) fmt::print("Nothing runs{}.\n", wanted.empty() ? "" : " of " + wanted);
  fmt::print("{}", queued);  // jobs have no front that could be stopped
  return 0;
}

}  // namespace tessera
