#include "experiment/scheduler.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <list>
#include <set>

#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "experiment/host_threads.hpp"
#include "experiment/stop_signals.hpp"

namespace tessera {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr auto kTick = std::chrono::seconds(1);
constexpr size_t kErrorTail = 4096;

enum class Status { waiting, running, elsewhere, over };

struct Node {
  const PlannedStage* stage = nullptr;
  Status status = Status::waiting;
  std::vector<Node*> needs, needed_by;
  size_t weight = 0;  // how many stages wait for it, directly or not
  Clock::time_point started;
};

struct Running {
  Node* node;
  Child child;
  std::string error_tail;
  int64_t runs_before;      // highest run before this host started
  Clock::time_point heard;  // when it last reported anything
  bool stalled = false;
  bool out_open = true;  // polled on after its end, it would never let poll wait again
};

int64_t last_run(const StageFolder& folder) {
  const auto runs = folder.runs();
  return runs.empty() ? 0 : runs.back().n;
}

double children_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \n\r\t");
  if (end == std::string::npos) return {};
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

class Scheduler {
 public:
  Scheduler(const Plan& plan, const SchedulerOptions& options, RunObserver& observer)
      : plan_(plan), options_(options), observer_(observer), threads_(std::max(1, options.cores / std::max(1, options.jobs))) {
    build_graph();
  }

  RunSummary run() {
    const auto began = Clock::now();
    const double cpu_before = children_cpu_seconds();
    auto next_tick = began + kTick;
    while (launch_ready(), !finished()) {
      wait_for_events(next_tick);
      obey_signals();
      for (auto it = running_.begin(); it != running_.end();) it = serve(*it) ? running_.erase(it) : std::next(it);
      if (Clock::now() < next_tick) continue;
      next_tick = Clock::now() + kTick;
      look_elsewhere();
      kill_stalled();
      observer_.tick();
    }
    for (auto& node : nodes_)
      if (node.status != Status::over) settle(node, {StageOutcome::interrupted, "", "", ExitCode::interrupted, 0});
    summary_.seconds = Seconds(Clock::now() - began).count();
    summary_.cpu_seconds = children_cpu_seconds() - cpu_before;
    set_exit_code();
    return std::move(summary_);
  }

 private:
  void build_graph() {
    std::map<std::string, Node*> by_key;
    for (const auto& stage : plan_.stages) {
      if (stage.state != StageState::to_run) continue;
      nodes_.emplace_back();
      nodes_.back().stage = &stage;
      by_key[stage.key] = &nodes_.back();
      for (const auto& [slot, key] : stage.inputs)
        if (by_key.count(key)) {
          nodes_.back().needs.push_back(by_key[key]);
          by_key[key]->needed_by.push_back(&nodes_.back());
        }
    }
    for (auto& node : nodes_) {
      std::set<const Node*> seen;
      collect_dependents(node, seen);
      node.weight = seen.size();
    }
  }

  static void collect_dependents(const Node& node, std::set<const Node*>& seen) {
    for (const auto* dependent : node.needed_by)
      if (seen.insert(dependent).second) collect_dependents(*dependent, seen);
  }

  StageFolder folder(const Node& node) const { return {options_.results, node.stage->kind, node.stage->key}; }

  bool done(const Node& node) const {
    const auto found = summary_.results.find(node.stage->key);
    return found != summary_.results.end() && found->second.outcome == StageOutcome::done;
  }

  bool ready(const Node& node) const {
    return node.status == Status::waiting && std::all_of(node.needs.begin(), node.needs.end(), [&](const Node* n) { return done(*n); });
  }

  bool finished() const {
    if (signals_.count() > 0) return running_.empty();
    return std::all_of(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.status == Status::over; });
  }

  void launch_ready() {
    while (signals_.count() == 0 && static_cast<int>(running_.size()) < options_.jobs) {
      Node* best = nullptr;
      for (auto& node : nodes_)
        if (ready(node) && (!best || node.weight > best->weight)) best = &node;
      if (!best) return;
      launch(*best);
    }
  }

  void launch(Node& node) {
    ChildOptions child;
    child.argv = {options_.host.string(), "work"};
    child.stdin_text = to_line(stage_spec(plan_, *node.stage, options_.results, threads_));
    child.err = Stream::pipe;
    const bool alone = options_.jobs == 1 && (threads_ == 1 || !machine_is_busy());
    child.environment = thread_environment(threads_, alone);
    const bool again = node.started != Clock::time_point();
    node.status = Status::running;
    if (!again) node.started = Clock::now();
    const auto before = last_run(folder(node));
    try {
      running_.push_back({&node, Child(child), "", before, Clock::now()});
    } catch (const Error& error) {
      settle(node, {StageOutcome::failed, error.what(), "", ExitCode::run_failed, 0});
      return;
    }
    if (!again) observer_.started(*node.stage);
  }

  void wait_for_events(Clock::time_point until) {
    std::vector<pollfd> fds = {{signals_.fd(), POLLIN, 0}};
    for (const auto& one : running_) {
      fds.push_back({one.child.pidfd(), POLLIN, 0});
      fds.push_back({one.out_open ? one.child.out_fd() : -1, POLLIN, 0});
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    ::poll(fds.data(), fds.size(), static_cast<int>(std::clamp<int64_t>(left, 0, 1000)));
  }

  void obey_signals() {
    const int count = signals_.count();
    if (count == obeyed_) return;
    if (obeyed_ == 0) {
      observer_.stopping(running_.size());
      for (auto& one : running_) one.child.kill(SIGTERM);
    }
    if (count >= 2)
      for (auto& one : running_) one.child.kill(SIGKILL);
    obeyed_ = count;
  }

  void kill_stalled() {
    if (options_.stall_limit.count() == 0) return;
    for (auto& one : running_)
      if (!one.stalled && Clock::now() - one.heard > options_.stall_limit) {
        one.stalled = true;
        one.child.kill(SIGKILL);
      }
  }

  // True when the host has ended.
  bool serve(Running& one) {
    // Asked first: what it wrote before it ended is then sure to be there to read.
    const auto status = one.child.wait(Clock::time_point::min());
    std::string line;
    Child::Read read;
    while ((read = one.child.read_line(line, Clock::time_point::min())) == Child::Read::line) {
      one.heard = Clock::now();
      if (const auto json = try_parse_json(line); json && json->is_object()) observer_.progress(*one.node->stage, *json);
    }
    if (read == Child::Read::end) one.out_open = false;
    one.error_tail += one.child.drain_err();
    if (one.error_tail.size() > kErrorTail) one.error_tail.erase(0, one.error_tail.size() - kErrorTail);
    if (!status) return false;
    judge(one, *status);
    return true;
  }

  void judge(const Running& one, const ExitStatus& status) {
    auto& node = *one.node;
    const double seconds = Seconds(Clock::now() - node.started).count();
    if (status.clean() && folder(node).published()) return settle(node, {StageOutcome::done, "", "", ExitCode::ok, seconds});
    if (status.signal == 0 && status.code == static_cast<int>(ExitCode::busy)) {
      observer_.elsewhere(*node.stage);
      node.status = Status::elsewhere;
      return;
    }
    // A host that has not yet installed its handlers dies of the signal that asks it to stop.
    const bool asked_to_stop = signals_.count() > 0 && !one.stalled && (status.signal == SIGKILL || status.signal == SIGTERM);
    if ((status.signal == 0 && status.code == static_cast<int>(ExitCode::interrupted)) || asked_to_stop)
      return settle(node, {StageOutcome::interrupted, "", "", ExitCode::interrupted, seconds});
    settle(node, failure(one, status, seconds));
  }

  StageResult failure(const Running& one, const ExitStatus& status, double seconds) const {
    StageResult result{StageOutcome::failed, "", "", ExitCode::run_failed, seconds};
    if (status.signal == 0 &&
        (status.code == static_cast<int>(ExitCode::bad_config) || status.code == static_cast<int>(ExitCode::bad_plugin)))
      result.code = static_cast<ExitCode>(status.code);
    const auto runs = folder(*one.node).runs();
    if (!runs.empty() && runs.back().n > one.runs_before) {
      result.log = runs.back().folder / "log.txt";
      const auto end = last_journal_line(runs.back().folder / "journal.jsonl");
      if (end && end->value("t", "") == "end") result.reason = end->value("error", "");
    }
    if (result.reason.empty()) {
      const auto said = last_line(one.error_tail);
      const auto plugins = plan_.plugins_text(*one.node->stage);
      if (one.stalled)
        result.reason = fmt::format("its host reported nothing for {} seconds and was killed; --stall-limit SECONDS waits longer ({})",
                                    options_.stall_limit.count(), plugins);
      else if (status.signal == 0 && !status.clean() && !said.empty())
        result.reason = said;
      else if (status.clean())
        result.reason = fmt::format("its host exited with code 0, but did not publish ({})", plugins);
      else
        result.reason = fmt::format("its host {} ({}){}", status.describe(), plugins, said.empty() ? "" : ": " + said);
    }
    return result;
  }

  void settle(Node& node, StageResult result) {
    node.status = Status::over;
    const auto outcome = result.outcome;
    const auto& kept = summary_.results[node.stage->key] = std::move(result);
    observer_.ended(*node.stage, kept);
    if (outcome == StageOutcome::failed || outcome == StageOutcome::interrupted) skip_dependents(node, outcome);
  }

  void skip_dependents(const Node& first, StageOutcome outcome) {
    std::set<const Node*> dependents;
    collect_dependents(first, dependents);
    for (auto& node : nodes_) {
      if (!dependents.count(&node) || node.status == Status::over) continue;
      if (outcome == StageOutcome::failed)
        settle(node, {StageOutcome::skipped, first.stage->title() + " failed", "", ExitCode::run_failed, 0});
      else
        settle(node, {StageOutcome::interrupted, "", "", ExitCode::interrupted, 0});
    }
  }

  void look_elsewhere() {
    for (auto& node : nodes_) {
      if (node.status != Status::elsewhere) continue;
      if (folder(node).published())
        settle(node, {StageOutcome::done, "", "", ExitCode::ok, Seconds(Clock::now() - node.started).count()});
      else if (!alive(node))
        node.status = Status::waiting;
    }
  }

  // Whether a host holds the stage's lease. Where none does it is this run's turn.
  bool alive(const Node& node) const {
    const auto runs = folder(node).runs();
    return !runs.empty() && runs.back().alive && !runs.back().ended;
  }

  // The first failure in the plan's order gives the code; interruption wins only where nothing failed.
  void set_exit_code() {
    for (const auto& node : nodes_) {
      const auto& result = summary_.results.at(node.stage->key);
      if (result.outcome == StageOutcome::failed && (summary_.code == ExitCode::ok || summary_.code == ExitCode::interrupted))
        summary_.code = result.code;
      if (result.outcome == StageOutcome::interrupted && summary_.code == ExitCode::ok) summary_.code = ExitCode::interrupted;
    }
  }

  const Plan& plan_;
  const SchedulerOptions& options_;
  RunObserver& observer_;
  int threads_;
  StopSignals signals_;
  int obeyed_ = 0;
  std::list<Node> nodes_;  // in the plan's order; addresses stay
  std::list<Running> running_;
  RunSummary summary_;
};

}  // namespace

RunSummary run_stages(const Plan& plan, const SchedulerOptions& options, RunObserver& observer) {
  return Scheduler(plan, options, observer).run();
}

}  // namespace tessera
