// status, watch: what runs just now. Of fronts by the file that each keeps beside its journal; of hosts without one (jobs of a cluster)
// by what the ledger has recorded of their journals.
#include <SQLiteCpp/Statement.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "cli/ledger/ledger_access.hpp"
#include "cli/run/asked_experiment.hpp"
#include "cli/run/progress.hpp"
#include "cli/run/slurm_run.hpp"
#include "cli/text_table.hpp"
#include "core/machine.hpp"
#include "experiment/run/front_journal.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

struct RunningStage {
  std::string kind, key;
  int64_t run = 0, step = 0;
  double started = 0;
};

struct Status {
  std::vector<LiveFront> fronts;
  std::vector<RunningStage> without_front;
  std::vector<SlurmStage> queued;  // of the whole folder
  bool empty() const { return fronts.empty() && without_front.empty() && queued.empty(); }
};

bool is_of(const LiveFront& front, const std::string& experiment) {
  return experiment.empty() || (front.status.is_object() && front.status.value("experiment", "") == experiment);
}

// Hosts that no live front of this machine speaks of.
std::vector<RunningStage> hosts_without_front(const CommonOptions& common, const std::vector<LiveFront>& fronts,
                                              const std::string& experiment) {
  std::vector<std::string> known;
  for (const auto& front : fronts)
    if (front.status.is_object())
      for (const auto& stage : front.status.at("stages")) known.push_back(stage.at("stage"));
  auto database = open_ledger(common);
  return with_ledger_errors(ledger_file(common.results), [&] {
    SQLite::Statement row(
        database,
        "SELECT s.kind, s.key, r.n, coalesce((SELECT max(y.steps) FROM summary y WHERE y.stage = s.id), 0), "
        "coalesce(r.started, 0) FROM run r JOIN stage s ON s.id = r.stage WHERE r.state = 'running' AND s.published IS NULL AND "
        "(?1 = '' OR EXISTS (SELECT 1 FROM trial_stage x JOIN v_trial t ON t.id = x.trial WHERE x.stage = s.id AND "
        "t.experiment = ?1)) ORDER BY r.started");
    row.bind(1, experiment);
    std::vector<RunningStage> found;
    while (row.executeStep()) {
      RunningStage one{row.getColumn(0).getString(), row.getColumn(1).getString(), row.getColumn(2).getInt64(), row.getColumn(3).getInt64(),
                       row.getColumn(4).getDouble()};
      if (std::find(known.begin(), known.end(), one.key) == known.end()) found.push_back(std::move(one));
    }
    return found;
  });
}

Status ask(const CommonOptions& common, const std::string& word, std::vector<SlurmStage> queued) {
  Status status;
  status.queued = std::move(queued);
  const auto fronts = live_fronts(common.results);
  const auto experiment = asked_experiment(common, fronts, word);
  for (const auto& front : fronts)
    if (is_of(front, experiment)) status.fronts.push_back(front);
  status.without_front = hosts_without_front(common, fronts, experiment);
  return status;
}

std::string steps_left(const Json& stage) {
  const auto step = stage.value("step", int64_t{0}), steps = stage.value("steps", int64_t{0});
  const auto rate = stage.value("rate", 0.0);
  return rate > 0 && steps > 0 ? clock_text(static_cast<double>(steps - step) / rate) : "";
}

std::string front_text(const LiveFront& front) {
  if (!front.status.is_object()) return fmt::format("A run that has just begun (process {} on {})\n", front.pid, front.host);
  const auto& status = front.status;
  std::string counts;
  int64_t over = 0;
  for (const auto& [outcome, count] : status.at("outcomes").items()) {
    counts += fmt::format(", {} {}", count.get<int64_t>(), outcome);
    over += count.get<int64_t>();
  }
  auto text = fmt::format("{}: {} of {} stages over{}; for {}, process {} on {}\n", status.value("experiment", ""), over,
                          status.value("total", int64_t{0}), counts, clock_text(status.value("seconds", 0.0)), front.pid, front.host);
  TextTable table({{"slot", true}, {"stage"}, {"step", true}, {"step/s", true}, {"time", true}, {"left", true}, {"last numbers"}});
  for (const auto& stage : status.at("stages")) {
    const auto steps = stage.value("steps", int64_t{0});
    auto numbers = stage.value("elsewhere", false) ? "computed by another run" : metrics_text(stage.at("metrics"));
    numbers.erase(0, std::min(numbers.size(), numbers.find_first_not_of(' ')));
    table.add({std::to_string(stage.value("slot", int64_t{0})), stage.value("name", ""),
               steps > 0 ? fmt::format("{}/{}", stage.value("step", int64_t{0}), steps) : "",
               steps > 0 ? fmt::format("{:.3g}", stage.value("rate", 0.0)) : "", clock_text(stage.value("seconds", 0.0)), steps_left(stage),
               numbers});
  }
  return text + table.text(2);
}

std::string text_of(const Status& status) {
  std::string text;
  for (const auto& front : status.fronts) text += front_text(front);
  const auto queue = queue_text(status.queued);
  if (status.without_front.empty()) return text + queue;
  const double now = epoch_seconds();
  TextTable table({{"stage"}, {"key"}, {"run", true}, {"step", true}, {"time", true}});
  for (const auto& one : status.without_front)
    table.add({one.kind, one.key.substr(0, 12), std::to_string(one.run), one.step > 0 ? std::to_string(one.step) : "",
               one.started > 0 ? clock_text(now - one.started) : ""});
  return text + "Hosts without a front here (jobs of a cluster, or of another machine):\n" + table.text(2) + queue;
}

Json json_of(const Status& status) {
  Json fronts = Json::array(), hosts = Json::array(), queue = Json::array();
  for (const auto& front : status.fronts)
    fronts.push_back({{"uuid", front.uuid},
                      {"host", front.host},
                      {"pid", front.pid},
                      {"started", front.started},
                      {"argv", front.argv},
                      {"status", front.status}});
  for (const auto& one : status.without_front)
    hosts.push_back({{"kind", one.kind}, {"stage", one.key}, {"run", one.run}, {"step", one.step}, {"started", one.started}});
  for (const auto& one : status.queued)
    queue.push_back({{"kind", one.task.kind}, {"stage", one.task.key}, {"job", one.queued.job}, {"state", one.queued.state}});
  return {{"fronts", std::move(fronts)}, {"hosts", std::move(hosts)}, {"slurm", std::move(queue)}};
}

constexpr const char* kNothing = "Nothing runs. `tessera ls` shows what there is.\n";

}  // namespace

int verb_status(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 0, 1)) return 0;
  const auto status = ask(line.common(), line.words().empty() ? "" : line.words()[0], ask_queue(line.common().results));
  if (line.common().json)
    print_json(json_of(status));
  else
    fmt::print("{}", status.empty() ? kNothing : text_of(status));
  return 0;
}

int verb_watch(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 0, 1)) return 0;
  const char* kind = std::getenv("TERM");
  const bool terminal = ::isatty(STDOUT_FILENO) == 1 && kind && std::string(kind) != "dumb";  // one that draws over what stands there
  size_t drawn = 0;
  constexpr int kQueueEvery = 10;  // seconds: a cluster's controller has others to serve
  std::vector<SlurmStage> queued;
  for (int second = 0;; ++second) {
    if (second % kQueueEvery == 0) queued = ask_queue(line.common().results, std::move(queued));
    const auto status = ask(line.common(), line.words().empty() ? "" : line.words()[0], queued);
    auto text = status.empty() ? std::string(kNothing) : text_of(status);
    if (line.common().json) text = to_line(json_of(status)) + "\n";
    if (terminal && drawn > 0) fmt::print("\x1b[{}A\r\x1b[J", drawn);
    // Long lines are cut, not wrapped: what is drawn over next time is as many lines.
    fmt::print("{}{}{}", terminal ? "\x1b[?7l" : "", text, terminal ? "\x1b[?7h" : "");
    std::fflush(stdout);
    if (status.empty() || std::ferror(stdout)) return 0;
    drawn = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace tessera
