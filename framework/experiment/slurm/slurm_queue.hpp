// What Slurm's queue holds of a results folder, and what became of the jobs that left it. No accounting database is asked:
// the queue, the stage folders and the files that the jobs wrote to say it all.
//
// A submission is results/fronts/<uuid>/<array>/: tasks.tsv names a stage a line (index, kind, key, title), <index>.json is what its
// host reads, <index>.log what the job said. Both stand before the job does. A job is known by its comment, "tessera <uuid> <array>": so
// nothing is lost where the front dies between submitting and noting the number.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tessera {

struct SlurmTask {
  std::string kind, key, title;  // the stage
  std::string id;                // "<uuid> <array> <index>"
  std::filesystem::path log;     // of its job; not there before that began
};

struct QueuedJob {
  std::string job;            // "17_3"
  std::string state, reason;  // Slurm's words: "PENDING", "Dependency"
};

inline constexpr const char* kSlurmComment = "tessera";  // first word of our jobs' comments

// The newest submission of every stage of this results folder, by stage key.
std::map<std::string, SlurmTask> submitted_tasks(const std::filesystem::path& results);
// This user's jobs that have not ended, by SlurmTask::id. Throws Error(bad_config) where there is no squeue, Error(run_failed) where it
// fails.
std::map<std::string, QueuedJob> queued_jobs();

enum class SlurmOutcome { done, queued, over };
struct SlurmStage {
  SlurmTask task;
  SlurmOutcome outcome = SlurmOutcome::over;
  QueuedJob queued;     // where it is queued
  std::string reason;   // why it is over without a result
  bool began = false;   // its job ever ran
  bool failed = false;  // over by a fault of its own or at the time limit: not cancelled, and its machine did not fail
};
// In the order in which they were submitted. `queued` is not asked for: a machine without Slurm passes an empty map, and what has a live
// run or has not begun counts as queued there if `assume_waiting`.
std::vector<SlurmStage> slurm_stages(const std::filesystem::path& results, const std::map<std::string, QueuedJob>& queued,
                                     bool assume_waiting);

// Of those the ones that this user's jobs in the queue are to compute or compute. Asks Slurm only where a submitted stage is not published;
// none on a machine without Slurm. Throws Error(run_failed) where the queue does not answer.
std::vector<SlurmStage> queued_stages(const std::filesystem::path& results);

// Runs one of Slurm's programs to its end and gives what it printed. Throws as queued_jobs() does.
std::string run_slurm_program(const std::vector<std::string>& argv);

}  // namespace tessera
