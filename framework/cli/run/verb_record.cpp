// record: journals into the ledger, from any machine that sees the results folder, while hosts run or later. Says what came in and,
// of stages that were submitted to Slurm, what became of them.
#include <fmt/format.h>

#include <algorithm>

#include "cli/ledger/ledger_access.hpp"
#include "cli/run/slurm_run.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "experiment/slurm/slurm_queue.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {

Json slurm_json(const std::vector<SlurmStage>& stages) {
  Json list = Json::array();
  for (const auto& stage : stages) {
    static const char* kNames[] = {"done", "queued", "over"};
    Json one = {{"kind", stage.task.kind}, {"key", stage.task.key}, {"title", stage.task.title}};
    one["outcome"] = kNames[static_cast<int>(stage.outcome)];
    if (stage.outcome == SlurmOutcome::queued) one["job"] = stage.queued.job, one["state"] = stage.queued.state;
    if (stage.outcome == SlurmOutcome::over) one["reason"] = stage.reason, one["log"] = stage.task.log.string();
    list.push_back(std::move(one));
  }
  return list;
}

void print_slurm(const std::vector<SlurmStage>& stages) {
  if (stages.empty()) return;
  const auto count = [&](auto&& is) { return std::count_if(stages.begin(), stages.end(), is); };
  const auto of = [](SlurmOutcome outcome) { return [outcome](const SlurmStage& stage) { return stage.outcome == outcome; }; };
  const auto running = count([](const SlurmStage& s) { return s.outcome == SlurmOutcome::queued && s.queued.state == "RUNNING"; });
  fmt::print("Slurm: of {} {} done, {} running, {} waiting, {} over without a result\n",
             counted(static_cast<int64_t>(stages.size()), "stage"), count(of(SlurmOutcome::done)), running,
             count(of(SlurmOutcome::queued)) - running, count(of(SlurmOutcome::over)));
  std::vector<SlurmStage> over;
  std::copy_if(stages.begin(), stages.end(), std::back_inserter(over), of(SlurmOutcome::over));
  print_stages("over", over);
}

}  // namespace

int verb_record(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 0, 0)) return 0;
  const auto& common = line.common();
  const auto report = record(common.results);
  for (const auto& problem : report.problems) fmt::print(stderr, "tessera: {}\n", problem);
  if (!report.recorded) throw Error(ExitCode::ledger, fmt::format("nothing was recorded: {}", report.skipped));
  const auto stages = judge_slurm_stages(common.results, {"record"});
  if (common.json) {
    print_json({{"journals", report.journals},
                {"lines", report.lines},
                {"points", report.points},
                {"problems", report.problems},
                {"slurm", slurm_json(stages)}});
  } else {
    fmt::print("{}: {}, {} and {} recorded\n", ledger_file(common.results).string(), counted(report.points, "point"),
               counted(report.lines, "line"), counted(report.journals, "journal"));
    print_slurm(stages);
  }
  return static_cast<int>(report.problems.empty() ? ExitCode::ok : ExitCode::ledger);
}

}  // namespace tessera
