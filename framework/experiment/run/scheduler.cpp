#include "experiment/run/scheduler.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <list>
#include <set>

#include "core/journal.hpp"
#include "core/option_schema.hpp"
#include "core/stage_folder.hpp"
#include "experiment/run/host_threads.hpp"
#include "experiment/run/pruning.hpp"
#include "experiment/run/stop_signals.hpp"

namespace tessera {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr auto kTick = std::chrono::seconds(1);         // the observer's
constexpr auto kLook = std::chrono::milliseconds(200);  // at limits, and at stages that others compute
constexpr size_t kErrorTail = 4096;

enum class Status { waiting, running, elsewhere, over };

struct Node {
  const PlannedStage* stage = nullptr;
  Status status = Status::waiting;
  std::vector<Node*> needs, needed_by;
  size_t weight = 0;  // how many stages wait for it, directly or not
  int64_t attempts = 0;
  Clock::time_point started;  // of the first attempt
};

struct Running {
  Node* node;
  size_t slot;
  Child child;
  std::string error_tail;
  int64_t runs_before;      // highest run before this host started
  Clock::time_point heard;  // when it last reported anything
  Clock::time_point began;
  bool stalled = false, late = false;
  std::optional<std::string> pruned;  // why
  bool out_open = true;               // polled on after its end, it would never let poll wait again
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
      : plan_(plan), options_(options), policy_(options.policy), observer_(observer),
        threads_(std::max(1, options.cores / static_cast<int>(policy_.jobs))), pruner_(policy_.prune),
        slots_(static_cast<size_t>(policy_.jobs)) {
    build_graph();
    recall_past();
  }

  RunSummary run() {
    const auto began = Clock::now();
    const double cpu_before = children_cpu_seconds();
    auto next_tick = began + kTick, next_look = began + kLook;
    while (launch_ready(), !finished()) {
      wait_for_events(std::min(next_tick, next_look));
      obey_signals();
      for (auto it = running_.begin(); it != running_.end();) it = serve(*it) ? running_.erase(it) : std::next(it);
      if (Clock::now() >= next_look) {
        next_look = Clock::now() + kLook;
        look_elsewhere();
        keep_limits();
      }
      if (Clock::now() < next_tick) continue;
      next_tick = Clock::now() + kTick;
      watch_room();
      observer_.tick();
    }
    for (auto& node : nodes_)
      if (node.status != Status::over) settle(node, {StageOutcome::interrupted, "", "", ExitCode::interrupted, 0, node.attempts});
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

  // Curves of stages that this plan does not run, and of earlier attempts at those that it does.
  void recall_past() {
    for (const auto& curve : options_.past) {
      const auto& stage = plan_.stage(curve.stage);
      for (const auto& [step, value] : curve.values) pruner_.recall(plan_.comparable(stage), stage.key, step, value);
      if (stage.state == StageState::reused) pruner_.complete(plan_.comparable(stage), stage.key);
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
    if (stopping()) return running_.empty();
    return std::all_of(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.status == Status::over; });
  }

  // Nothing starts any more: a signal came, or a stage failed where that ends the run.
  bool stopping() const { return signals_.count() > 0 || gave_up_; }

  void launch_ready() {
    while (!stopping() && static_cast<int64_t>(running_.size()) < policy_.jobs) {
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
    const bool alone = policy_.jobs == 1 && (threads_ == 1 || !machine_is_busy());
    const auto slot = static_cast<size_t>(std::find(slots_.begin(), slots_.end(), false) - slots_.begin());
    child.environment = thread_environment(threads_, alone);
    if (!options_.gpus.empty()) child.environment["CUDA_VISIBLE_DEVICES"] = options_.gpus[slot % options_.gpus.size()];
    child.memory_limit = static_cast<uint64_t>(policy_.memory_limit) << 20;
    const bool again = node.started != Clock::time_point();
    node.status = Status::running;
    ++node.attempts;
    if (!again) node.started = Clock::now();
    const auto before = last_run(folder(node));
    try {
      running_.push_back({&node, slot, Child(child), "", before, Clock::now(), Clock::now(), false, false, std::nullopt});
    } catch (const Error& error) {
      settle(node, {StageOutcome::failed, error.what(), "", ExitCode::run_failed, 0, node.attempts});
      return;
    }
    slots_[slot] = true;
    observer_.started(*node.stage, static_cast<int64_t>(slot));
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
    if (obeyed_ == 0 && !gave_up_) ask_all_to_stop();
    if (count >= 2)
      for (auto& one : running_) one.child.kill(SIGKILL);
    obeyed_ = count;
  }

  void ask_all_to_stop() {
    asked_to_stop_ = Clock::now();
    observer_.stopping(static_cast<size_t>(std::count(slots_.begin(), slots_.end(), true)));  // one that is being judged has left its slot
    for (auto& one : running_) one.child.kill(SIGTERM), one.child.kill(SIGCONT);              // suspended ones, too
  }

  void keep_limits() {
    const auto now = Clock::now();
    for (auto& one : running_) {
      if (policy_.stall_limit > 0 && !one.stalled && now - one.heard > Seconds(policy_.stall_limit)) {
        one.stalled = true;
        one.child.kill(SIGKILL);
      }
      if (asked_to_stop_ && now - std::max(*asked_to_stop_, one.heard) > Seconds(options_.grace)) one.child.kill(SIGKILL);
      if (policy_.time_limit == 0 || now - one.began <= Seconds(policy_.time_limit)) continue;
      if (!one.late) one.child.kill(SIGTERM);
      if (one.late && now - one.began > Seconds(policy_.time_limit) + Seconds(options_.grace)) one.child.kill(SIGKILL);
      one.late = true;
    }
  }

  bool pruning(const PlannedStage& stage) const { return policy_.prune.rule != "none" && stage.kind == policy_.prune.stage; }

  // Once a training is done, all that trainings report has been heard.
  void check_prune_metric() {
    if (warned_ || reported_.empty() || reported_.count(policy_.prune.metric)) return;
    warned_ = true;
    const std::vector<std::string> names(reported_.begin(), reported_.end());
    const auto near = did_you_mean(policy_.prune.metric, names);
    observer_.warning(fmt::format("run.prune_metric: found \"{}\", expected a scalar that a {} training reports: {}{}; nothing is pruned",
                                  policy_.prune.metric, policy_.prune.stage, fmt::join(names, ", "),
                                  near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
  }

  // A host that hears SIGUSR2 writes a checkpoint and ends as pruned.
  void consider_pruning(Running& one, const Json& line) {
    const auto& stage = *one.node->stage;
    if (!pruning(stage) || one.pruned) return;
    const auto metrics = line.find("metrics");
    if (metrics != line.end() && metrics->is_object())
      for (const auto& [name, value] : metrics->items()) reported_.insert(name);
    const auto value = metrics != line.end() && metrics->is_object() ? metrics->value(policy_.prune.metric, Json()) : Json();
    if (value.is_null()) return;
    one.pruned = pruner_.report(plan_.comparable(stage), stage.key, line.value("step", int64_t{0}), decode_number(value));
    if (one.pruned) one.child.kill(SIGUSR2);
  }

  // True when the host has ended.
  bool serve(Running& one) {
    // Asked first: what it wrote before it ended is then sure to be there to read.
    const auto status = one.child.wait(Clock::time_point::min());
    std::string line;
    Child::Read read;
    while ((read = one.child.read_line(line, Clock::time_point::min())) == Child::Read::line) {
      one.heard = Clock::now();
      const auto json = try_parse_json(line);
      if (!json || !json->is_object()) continue;
      observer_.progress(*one.node->stage, *json);
      consider_pruning(one, *json);
    }
    if (read == Child::Read::end) one.out_open = false;
    one.error_tail += one.child.drain_err();
    if (one.error_tail.size() > kErrorTail) one.error_tail.erase(0, one.error_tail.size() - kErrorTail);
    if (!status) return false;
    slots_[one.slot] = false;
    judge(one, *status);
    return true;
  }

  void judge(const Running& one, const ExitStatus& status) {
    auto& node = *one.node;
    const double seconds = Seconds(Clock::now() - node.started).count();
    if (status.clean() && folder(node).published()) return settle(node, {StageOutcome::done, "", "", ExitCode::ok, seconds, node.attempts});
    if (status.signal == 0 && status.code == static_cast<int>(ExitCode::busy)) {
      observer_.elsewhere(*node.stage);
      node.status = Status::elsewhere;
      return;
    }
    // A host that has not yet installed its handlers dies of the signal that asks it to stop.
    const bool left = status.signal == 0 && status.code == static_cast<int>(ExitCode::interrupted);
    const bool asked_to_stop = stopping() && !one.stalled && (status.signal == SIGKILL || status.signal == SIGTERM);
    if (left && one.pruned) return settle(node, {StageOutcome::pruned, *one.pruned, "", ExitCode::ok, seconds, node.attempts});
    if ((left && !one.late) || asked_to_stop)
      return settle(node, {StageOutcome::interrupted, "", "", ExitCode::interrupted, seconds, node.attempts});
    auto result = failure(one, status, seconds);
    // Another attempt cannot mend a setting or a plugin that was refused.
    if (result.code != ExitCode::run_failed || node.attempts > policy_.retries || stopping()) return settle(node, std::move(result));
    observer_.failed_once(*node.stage, result);
    node.status = Status::waiting;
  }

  // A host that is refused memory ends in one of several ways; who set a limit should know that it may be the reason.
  std::string memory_hint(const std::string& said) const {
    bool memory = false;  // the last is what the loader says of a library
    for (const char* word : {"bad_alloc", "memory", "failed to map segment"}) memory = memory || said.find(word) != std::string::npos;
    return policy_.memory_limit > 0 && memory ? fmt::format("; run.memory_limit is {} MiB", policy_.memory_limit) : "";
  }

  StageResult failure(const Running& one, const ExitStatus& status, double seconds) const {
    StageResult result{StageOutcome::failed, "", "", ExitCode::run_failed, seconds, one.node->attempts};
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
        result.reason = fmt::format("its host reported nothing for {} seconds and was killed; run.stall_limit waits longer ({})",
                                    policy_.stall_limit, plugins);
      else if (one.late)
        result.reason =
            fmt::format("it took longer than run.time_limit, {} seconds; the next attempt goes on from its checkpoint", policy_.time_limit);
      else if (status.signal == 0 && !status.clean() && !said.empty())
        result.reason = said;
      else if (status.clean())
        result.reason = fmt::format("its host exited with code 0, but did not publish ({})", plugins);
      else
        result.reason = fmt::format("its host {} ({}){}", status.describe(), plugins, said.empty() ? "" : ": " + said);
    }
    result.reason += memory_hint(result.reason);
    return result;
  }

  void settle(Node& node, StageResult result) {
    node.status = Status::over;
    const auto outcome = result.outcome;
    const auto& kept = summary_.results[node.stage->key] = std::move(result);
    observer_.ended(*node.stage, kept);
    if (outcome == StageOutcome::done && pruning(*node.stage)) {
      pruner_.complete(plan_.comparable(*node.stage), node.stage->key);
      check_prune_metric();
    }
    if (outcome != StageOutcome::done) settle_dependents(node, outcome);
    if (outcome == StageOutcome::failed && policy_.on_error == "stop" && !stopping()) {
      gave_up_ = true;
      ask_all_to_stop();
    }
  }

  void settle_dependents(const Node& first, StageOutcome outcome) {
    StageResult result{StageOutcome::interrupted, "", "", ExitCode::interrupted, 0, 0};
    if (outcome == StageOutcome::failed || outcome == StageOutcome::skipped)
      result = {StageOutcome::skipped, first.stage->title() + " failed", "", ExitCode::run_failed, 0, 0};
    if (outcome == StageOutcome::pruned) result = {StageOutcome::pruned, first.stage->title() + " was pruned", "", ExitCode::ok, 0, 0};
    std::set<const Node*> dependents;
    collect_dependents(first, dependents);
    // Told here, not by settle: all of them have one reason, the first.
    for (auto& node : nodes_) {
      if (!dependents.count(&node) || node.status == Status::over) continue;
      node.status = Status::over;
      observer_.ended(*node.stage, summary_.results[node.stage->key] = result);
    }
  }

  // What hosts say of a full disk goes into logs on that disk.
  void watch_room() {
    constexpr uintmax_t kLeast = 64 << 10;  // less than what the next lines need
    std::error_code error;
    const auto space = std::filesystem::space(options_.results, error);
    const auto room = ::geteuid() == 0 ? space.free : space.available;  // root may write what is kept back
    if (error || (room < kLeast) == full_) return;
    full_ = !full_;
    observer_.warning(full_ ? fmt::format("the disk of {} is full: hosts wait until there is room", options_.results.string())
                            : fmt::format("there is room again on the disk of {}: hosts go on", options_.results.string()));
  }

  void look_elsewhere() {
    for (auto& node : nodes_) {
      if (node.status != Status::elsewhere) continue;
      if (folder(node).published())
        settle(node, {StageOutcome::done, "", "", ExitCode::ok, Seconds(Clock::now() - node.started).count(), node.attempts});
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
  const RunPolicy& policy_;
  RunObserver& observer_;
  int threads_;
  StopSignals signals_;
  int obeyed_ = 0;
  bool gave_up_ = false;
  std::optional<Clock::time_point> asked_to_stop_;
  Pruner pruner_;
  std::set<std::string> reported_;  // scalars of the trainings that may be pruned
  bool warned_ = false;             // that the one which prunes is not among them
  bool full_ = false;               // the disk of the results
  std::vector<bool> slots_;         // taken
  std::list<Node> nodes_;           // in the plan's order; addresses stay
  std::list<Running> running_;
  RunSummary summary_;
};

}  // namespace

const char* to_string(StageOutcome outcome) {
  switch (outcome) {
    case StageOutcome::done: return "done";
    case StageOutcome::failed: return "failed";
    case StageOutcome::interrupted: return "interrupted";
    case StageOutcome::skipped: return "skipped";
    case StageOutcome::pruned: return "pruned";
  }
  return "";
}

RunSummary run_stages(const Plan& plan, const SchedulerOptions& options, RunObserver& observer) {
  return Scheduler(plan, options, observer).run();
}

}  // namespace tessera
