// run: plan, journal, schedule, record, compare. Everything that is known when it ends is in the ledger.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/command_text.hpp"
#include "cli/ledger/ledger_access.hpp"
#include "cli/run/closing.hpp"
#include "cli/run/progress.hpp"
#include "cli/run/slurm_run.hpp"
#include "cli/workbench.hpp"
#include "core/error.hpp"
#include "core/files.hpp"
#include "experiment/run/front_journal.hpp"
#include "experiment/run/gpus.hpp"
#include "experiment/run/host_threads.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// Hosts never wait for the ledger: what fails now is tried again in a second, and said at the end.
void record_while_running(const fs::path& results) {
  try {
    record(results, std::chrono::milliseconds(50), std::chrono::seconds(1));
  } catch (const Error&) {
  }
}

// What was computed is in the ledger, or nothing is shown of it: numbers of an earlier run would be taken for those of this one.
void record_whole(const Plan& plan, const CommonOptions& common) {
  auto report = record(common.results, std::chrono::seconds(5));
  if (!report.recorded && unwritable(common.results).empty() && unwritable_ledger(common.results).empty()) {
    fmt::print(stderr, "tessera: {}: waiting for up to 25 s more\n", report.skipped);
    report = record(common.results, std::chrono::seconds(25));
  }
  for (const auto& problem : report.problems) fmt::print(stderr, "tessera: warning: {}\n", problem);
  if (report.recorded) return;
  throw Error(ExitCode::ledger,
              fmt::format("{}: what has run stands in its journals and is not in the ledger yet: {}; then `{}`, and `{}`", plan.experiment,
                          report.skipped, command_text({"record"}, common), command_text({"compare", plan.experiment}, common)));
}

// A stale stage must not be used, and is not thrown away without being asked.
void refuse_stale(const Plan& plan, const fs::path& results) {
  Problems problems;
  for (const auto& stage : plan.stages)
    if (stage.state == StageState::stale)
      problems.add_line(fmt::format("{} is stale: its {} has been computed anew, with another result; remove {} to compute it again",
                                    stage.title(), stage.stale_input, (results / "stages" / (stage.kind + "-" + stage.key)).string()));
  if (!problems.empty()) throw Error(ExitCode::run_failed, fmt::format("{}", fmt::join(problems.lines(), "\n")));
}

// `sample` computes samples; what they are made from must be there.
void refuse_kinds(const Plan& plan, const std::vector<std::string>& kinds) {
  Problems problems;
  for (const auto& stage : plan.stages)
    if (!kinds.empty() && stage.state == StageState::to_run && std::find(kinds.begin(), kinds.end(), stage.kind) == kinds.end())
      problems.add_line(
          fmt::format("{}: found no {} for these options and plugins, expected it published: finish the trial first, or run it "
                      "again if a plugin or Tessera was changed since",
                      plan.source, stage.title()));
  if (!problems.empty()) throw Error(ExitCode::run_failed, fmt::format("{}", fmt::join(problems.lines(), "\n")));
}

// What pruning compares with was measured by earlier runs too.
std::vector<PastCurve> recall_curves(const Plan& plan, const PrunePolicy& policy, const CommonOptions& common) {
  if (policy.rule == "none" || !fs::is_directory(common.results)) return {};
  auto database = open_ledger(common);
  return past_curves(database, plan, policy);
}

std::set<std::string> recall_failed(const CommonOptions& common) {
  auto database = open_ledger(common);
  return failed_stages(database);
}

// Failures are facts: what the terminal says of them stands in the front's journal too.
class JournalledDisplay : public ProgressDisplay {
 public:
  JournalledDisplay(FrontJournal& journal, const Plan& plan, std::FILE* out, std::function<void(const Json&)> every_second)
      : ProgressDisplay(plan, out, std::move(every_second)), journal_(journal) {}
  void ended(const PlannedStage& stage, const StageResult& result) override {
    if (result.outcome == StageOutcome::failed) journal_.write_verdict(stage.key, result.reason, result.log);
    ProgressDisplay::ended(stage, result);
  }
  void failed_once(const PlannedStage& stage, const StageResult& result) override {
    journal_.write_verdict(stage.key, result.reason, result.log);
    ProgressDisplay::failed_once(stage, result);
  }

 private:
  FrontJournal& journal_;
};

const char* front_state(ExitCode code) { return code == ExitCode::ok ? "done" : code == ExitCode::interrupted ? "interrupted" : "failed"; }

Json run_json(const Plan& plan, const RunSummary& summary, const std::vector<Picture>& pictures) {
  Json stages = Json::array();
  for (const auto& stage : plan.stages) {
    Json one = {
        {"kind", stage.kind}, {"key", stage.key}, {"title", stage.title()}, {"outcome", to_string(stage.state)}, {"cells", Json::array()}};
    for (const size_t cell : stage.cells) one["cells"].push_back(plan.cells[cell].label);
    if (const auto found = summary.results.find(stage.key); found != summary.results.end()) {
      one["outcome"] = to_string(found->second.outcome);
      one["seconds"] = found->second.seconds;
      one["attempts"] = found->second.attempts;
      if (!found->second.reason.empty()) one["reason"] = found->second.reason;
      if (!found->second.log.empty()) one["log"] = found->second.log.string();
    }
    stages.push_back(std::move(one));
  }
  Json drawn = Json::array();
  for (const auto& picture : pictures) {
    drawn.push_back({{"request", picture.request}, {"file", picture.file.string()}, {"rows", picture.rows}, {"notes", picture.notes}});
    if (!picture.error.empty()) drawn.back()["error"] = picture.error;
  }
  return {{"experiment", plan.experiment}, {"exit", static_cast<int>(summary.code)},
          {"seconds", summary.seconds},    {"cpu_seconds", summary.cpu_seconds},
          {"stages", std::move(stages)},   {"pictures", std::move(drawn)}};
}

// Interrupted or failed: what is left, and how to go on.
void print_unfinished(const Plan& plan, const RunSummary& summary, const std::string& command) {
  const auto count = [&](StageOutcome outcome) {
    return std::count_if(summary.results.begin(), summary.results.end(), [&](const auto& one) { return one.second.outcome == outcome; });
  };
  const auto pruned = count(StageOutcome::pruned);
  fmt::print("\n{}: {} of {} stages done, {} failed, {} skipped, {}{} left. Run again to go on:\n  {}\n", plan.experiment,
             count(StageOutcome::done), summary.results.size(), count(StageOutcome::failed), count(StageOutcome::skipped),
             pruned > 0 ? fmt::format("{} pruned, ", pruned) : "", count(StageOutcome::interrupted), command);
}

}  // namespace

int run_experiment(const Experiment& experiment, const RunRequest& request) {
  const auto& common = request.common;
  Workbench bench(common, request.slurm ? request.slurm->devices() : std::vector<std::string>());
  auto plan = make_plan(experiment, bench.declarations(), bench.checker(), common.results);
  if (!plan.problems.empty()) throw Error(plan.problem_code, problems_text(plan));
  refuse_stale(plan, common.results);
  refuse_kinds(plan, request.kinds);
  if (request.failed_only) keep_failed(plan, recall_failed(common));
  std::FILE* progress = common.json ? stderr : stdout;
  if (request.failed_only && plan.count(StageState::to_run) == 0) {
    const auto left = plan.count(StageState::not_asked);
    const auto others = left == 1 ? "1 stage is" : fmt::format("{} stages are", left);
    fmt::print(progress, "{}: no stage of this plan failed at its last attempt{}\n", plan.experiment,
               left == 0 ? "" : fmt::format("; {} not finished (interrupted, or new): leave out --failed to go on", others));
    if (common.json) print_json(run_json(plan, {}, {}));
    return 0;
  }
  const auto pruned = plan.count(StageState::pruned);
  fmt::print(progress, "{}: {} of {} stages to run, {} reused{}\n", plan.experiment, plan.count(StageState::to_run), plan.stages.size(),
             plan.count(StageState::reused), pruned > 0 ? fmt::format(", {} pruned", pruned) : "");
  if (request.slurm && plan.count(StageState::to_run) > 0)
    return run_on_slurm(plan, experiment.run, *request.slurm, bench.host(), common, request.argv);

  const auto past = recall_curves(plan, experiment.run.prune, common);
  if (!request.adds) warn_of_other_source(plan, common);
  FrontJournal journal(common.results, request.argv);
  journal.write_plan(plan, request.adds);
  RunSummary summary;
  {
    JournalledDisplay display(journal, plan, progress, [&](const Json& status) {
      record_while_running(common.results);
      journal.write_status(status);
    });
    journal.write_status(display.status());
    summary = run_stages(plan, {bench.host(), common.results, available_cores(), experiment.run, visible_gpus(), past}, display);
  }
  journal.end(front_state(summary.code), static_cast<int>(summary.code));
  try {
    record_whole(plan, common);
  } catch (const Error& error) {
    if (summary.code == ExitCode::ok) throw;
    fmt::print(stderr, "tessera: warning: {}\n", error.what());  // a full disk has ended the run; what to do stands below
  }

  if (common.json)
    fmt::print("{}\n", run_json(plan, summary, summary.code == ExitCode::ok ? draw_pictures(plan, common) : std::vector<Picture>())
                           .dump(2, ' ', false, Json::error_handler_t::replace));
  else if (summary.code == ExitCode::ok)
    print_closing(plan, summary, common);
  else
    print_unfinished(plan, summary, command_text(request.argv));
  return static_cast<int>(summary.code);
}

int verb_run(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  ExperimentWords words(line);
  SlurmRequest slurm;
  add_slurm_options(line.options(), slurm);
  if (!line.parse(arguments, 1)) return 0;
  check_slurm_request(slurm);
  RunRequest request{line.common(), {"run"}, false, {}, false, nullptr};
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  if (slurm.wanted) request.slurm = &slurm.options;
  return run_experiment(words.read(), request);
}

}  // namespace tessera
