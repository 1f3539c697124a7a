#include "cli/run/slurm_run.hpp"
#include "cli/command_text.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <numeric>

#include "cli/ledger/ledger_access.hpp"
#include "cli/run/closing.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "core/stage_folder.hpp"
#include "core/text.hpp"
#include "experiment/run/front_journal.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace po = boost::program_options;
namespace fs = std::filesystem;

void add_slurm_options(po::options_description& description, SlurmRequest& request) {
  auto& options = request.options;
  const auto text = [](std::string& value, const char* name) { return po::value(&value)->value_name(name); };
  const auto number = [](int& value, const char* name) { return po::value(&value)->value_name(name); };
  description.add_options()("slurm", po::bool_switch(&request.wanted), "Submit what is to run to Slurm, as job arrays, and end.")(
      "slurm-time", text(options.time, "TIME"),
      "Time limit of a job, as sbatch takes it: 90, 1:30:00, 2-12. At it a stage is checkpointed and "
      "goes on in a further job.")("slurm-partition", text(options.partition, "NAME"), "Partition.")(
      "slurm-gres", text(options.gres, "LIST"), "What a job needs, such as gpu:1; with a GPU in it numerics.device may be cuda.")(
      "slurm-mem", text(options.memory, "SIZE"), "Memory of a job, such as 8G.")("slurm-cpus", number(options.cpus, "N"),
                                                                                 "Cores of a job, and threads of its host (default: 1).")(
      "slurm-limit", number(options.limit, "N"), "Jobs of one array at once (default: 0, all).")(
      "slurm-grace", number(options.grace, "SECONDS"), "So long before the time limit a job is told to write a checkpoint (default: 120).")(
      "slurm-option", po::value(&options.sbatch)->composing()->value_name("ARG"),
      "Another argument of sbatch, such as --account=x; may be repeated.");
}

void check_slurm_request(const SlurmRequest& request) {
  const SlurmOptions& options = request.options;
  const SlurmOptions none;
  const auto same = [](const SlurmOptions& a, const SlurmOptions& b) {
    return a.time == b.time && a.partition == b.partition && a.gres == b.gres && a.memory == b.memory && a.cpus == b.cpus &&
           a.limit == b.limit && a.grace == b.grace && a.sbatch == b.sbatch;
  };
  if (!request.wanted && !same(options, none)) throw Error(ExitCode::bad_config, "found --slurm-…, expected --slurm with it");
  check_slurm_options(options);
}

std::vector<SlurmStage> judge_slurm_stages(const fs::path& results, const std::vector<std::string>& argv) {
  if (submitted_tasks(results).empty()) return {};
  std::vector<SlurmStage> stages;
  try {
    stages = slurm_stages(results, queued_jobs(), false);
  } catch (const Error&) {  // a machine without Slurm judges by the folders alone
    stages = slurm_stages(results, {}, true);
  }
  std::vector<const SlurmStage*> news;
  with_ledger_errors(ledger_file(results), [&] {
    auto database = open_read_only(ledger_file(results));
    SQLite::Statement known(
        database,
        "SELECT v.state = 'failed' OR EXISTS (SELECT 1 FROM run r WHERE r.stage = v.id AND r.n = 0 AND r.error = ?2) FROM v_stage v "
        "WHERE v.stage = ?1");
    for (const auto& stage : stages) {
      if (!stage.failed) continue;
      known.reset();
      known.bind(1, stage.task.key);
      known.bind(2, stage.reason);
      if (!known.executeStep() || known.getColumn(0).getInt() == 0) news.push_back(&stage);
    }
  });
  if (news.empty()) return stages;
  FrontJournal journal(results, argv);
  for (const auto* stage : news) {
    const auto runs = StageFolder(results, stage->task.kind, stage->task.key).runs();
    journal.write_verdict(stage->task.key, stage->reason, runs.empty() ? fs::path() : runs.back().folder / "log.txt");
  }
  journal.end("done", 0);
  record(results);
  return stages;
}

std::vector<SlurmStage> ask_queue(const fs::path& results, std::vector<SlurmStage> former) {
  try {
    return queued_stages(results);
  } catch (const Error& error) {
    fmt::print(stderr, "tessera: warning: what waits in Slurm's queue is not known: {}\n", error.what());
    return former;
  }
}

std::string queue_text(const std::vector<SlurmStage>& queued) {
  if (queued.empty()) return "";
  std::vector<std::string> jobs;  // of an array one number
  for (const auto& stage : queued)
    if (const auto job = stage.queued.job.substr(0, stage.queued.job.find('_')); std::find(jobs.begin(), jobs.end(), job) == jobs.end())
      jobs.push_back(job);
  const auto running = std::count_if(queued.begin(), queued.end(), [](const SlurmStage& stage) { return stage.queued.state == "RUNNING"; });
  return fmt::format("Slurm's queue holds {} of this folder, {} of them running: `scancel {}` takes them out.\n",
                     counted(static_cast<int64_t>(queued.size()), "stage"), running, fmt::join(jobs, " "));
}

std::string stage_line(const SlurmStage& stage) {
  const auto& queued = stage.queued;
  if (stage.outcome == SlurmOutcome::done) return stage.task.title + ": done";
  if (stage.outcome == SlurmOutcome::queued)
    return fmt::format("{}: {}{}{}", stage.task.title, queued.job.empty() ? "" : "job " + queued.job + " ", queued.state,
                       queued.reason.empty() || queued.reason == "None" ? "" : " (" + queued.reason + ")");
  return fmt::format("{}: {}{}", stage.task.title, stage.reason, stage.began ? "\n    log: " + stage.task.log.string() : "");
}

void print_stages(const char* what, const std::vector<SlurmStage>& stages) {
  size_t never_began = 0;
  for (const auto& stage : stages) {
    const bool told = stage.outcome != SlurmOutcome::over || stage.began;
    never_began += told ? 0 : 1;
    if (told) fmt::print("  {}: {}\n", what, stage_line(stage));
  }
  if (never_began > 0)
    fmt::print("  {}: {} {} never began: cancelled, or what {} for came to no result\n", what, never_began,
               never_began == 1 ? "stage" : "stages", never_began == 1 ? "it waited" : "they waited");
}

namespace {

void print_submission(const Plan& plan, const Submission& submission, const CommonOptions& common, const std::vector<std::string>& argv) {
  print_stages("again", submission.before);
  print_stages("in the queue", submission.queued);
  if (submission.arrays.empty()) {
    fmt::print("{}: nothing to submit, {} {} in the queue\n", plan.experiment, submission.queued.size(),
               submission.queued.size() == 1 ? "stage is" : "stages are");
    return;
  }
  TextTable table({{"job"}, {"stages"}, {"of kind"}, {"waits for"}});
  size_t tasks = 0;
  for (const auto& array : submission.arrays) {
    table.add({array.job, std::to_string(array.tasks), array.kind, shortened(array.waits_for, 60)});
    tasks += array.tasks;
  }
  std::vector<std::string> record = {"record"};
  if (common.results != "results") record.insert(record.end(), {"--results", common.results.string()});
  fmt::print(
      "{}: {} {} submitted as {} job {}\n{}\nSpecifications and output of the jobs: {}\n\nWhen they are done, or at any time:\n  {}\n  "
      "{}\n",
      plan.experiment, tasks, tasks == 1 ? "stage" : "stages", submission.arrays.size(), submission.arrays.size() == 1 ? "array" : "arrays",
      table.text(2), submission.folder.string(), command_text(record), command_text(argv));
}

Json submission_json(const Plan& plan, const Submission& submission) {
  Json arrays = Json::array(), queued = Json::array(), before = Json::array();
  for (const auto& array : submission.arrays)
    arrays.push_back({{"job", array.job}, {"kind", array.kind}, {"tasks", array.tasks}, {"dependency", array.waits_for}});
  for (const auto& stage : submission.queued)
    queued.push_back({{"key", stage.task.key}, {"title", stage.task.title}, {"job", stage.queued.job}, {"state", stage.queued.state}});
  for (const auto& stage : submission.before)
    before.push_back({{"key", stage.task.key}, {"title", stage.task.title}, {"reason", stage.reason}, {"log", stage.task.log.string()}});
  return {
      {"experiment", plan.experiment}, {"arrays", arrays}, {"queued", queued}, {"again", before}, {"folder", submission.folder.string()}};
}

}  // namespace

int run_on_slurm(const Plan& plan, const RunPolicy& policy, const SlurmOptions& options, const fs::path& host, const CommonOptions& common,
                 const std::vector<std::string>& argv) {
  if (policy.prune.rule != "none")
    fmt::print(stderr, "tessera: warning: run.prune: found {}, expected none with --slurm: jobs do not see each other, none is pruned\n",
               policy.prune.rule);
  FrontJournal journal(common.results, argv);
  journal.write_plan(plan);
  Submission submission;
  try {
    submission = submit_to_slurm(plan, journal.uuid(), host, common.results, options, policy.retries);
  } catch (const Error& error) {
    journal.end("failed", static_cast<int>(error.code()));
    throw;
  }
  journal.end("submitted", 0);
  record(common.results);
  if (common.json)
    print_json(submission_json(plan, submission));
  else
    print_submission(plan, submission, common, argv);
  return 0;
}

}  // namespace tessera
