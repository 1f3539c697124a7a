// Submits the stages of a plan to Slurm: arrays of jobs that wait for each other. Nothing of ours stays running; each job
// is a host that takes the stage's lease and writes its journal on the shared file system, where record() finds it.
//
//   to run --submit--> queued --its host publishes--> done
//     ^                  |  told to stop before the time limit (SIGUSR1): checkpoint, requeued; its machine failed: requeued
//     |                  +--> queued
//     |                  |  failed, cancelled; and all that waits for it
//     +---submit again---+--> over
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiment/plan/plan.hpp"
#include "experiment/slurm/slurm_queue.hpp"

namespace tessera {

struct SlurmOptions {
  std::string time, partition, gres, memory;  // as sbatch takes them; empty: as the cluster has it
  int cpus = 1;                               // of a job; its host has as many threads
  int limit = 0;                              // tasks of one array that run at once; 0 = all
  int grace = 120;                            // seconds before the time limit at which a host is told to stop
  std::vector<std::string> sbatch;            // more arguments for sbatch

  // What the jobs can compute on, whatever this machine has; the last is what `auto` stands for.
  std::vector<std::string> devices() const;
};

// Throws Error(bad_config) "--slurm-…: found …, expected …".
void check_slurm_options(const SlurmOptions& options);
// Seconds of "minutes", "minutes:seconds", "hours:minutes:seconds", "days-hours[:minutes[:seconds]]"; -1 where it is none of them.
int64_t slurm_seconds(const std::string& time);

struct SubmittedArray {
  std::string job;   // Slurm's number
  std::string kind;  // of its stages
  size_t tasks = 0;
  std::string waits_for;  // sbatch's --dependency, "" where it waits for nothing
};

struct Submission {
  std::vector<SubmittedArray> arrays;
  std::vector<SlurmStage> queued;  // stages to run that jobs hold already
  std::vector<SlurmStage> before;  // stages submitted anew: why they are over without a result
  std::filesystem::path folder;    // specs and the jobs' output; empty where nothing was submitted
};

// `retries`: further attempts of a job at a stage whose host failed. One front at a time submits to a results folder; others wait. Throws
// Error(run_failed) where Slurm refuses; what was submitted by then is in the queue, and a further call submits the rest.
Submission submit_to_slurm(const Plan& plan, const std::string& front_uuid, const std::filesystem::path& host,
                           const std::filesystem::path& results, const SlurmOptions& options, int64_t retries = 0);

// The script of every job: job.sh FOLDER HOST RETRIES.
extern const char* const kSlurmScript;

}  // namespace tessera
