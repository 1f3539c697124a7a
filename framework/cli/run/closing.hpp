// Running an experiment from a verb, and what it says at its end.
#pragma once
#include <string>
#include <vector>

#include "cli/verb.hpp"
#include "experiment/run/scheduler.hpp"
#include "experiment/slurm/slurm.hpp"

namespace tessera {

struct RunRequest {
  CommonOptions common;
  std::vector<std::string> argv;        // as typed behind "tessera"
  bool adds = false;                    // its cells join those of the experiment instead of replacing them
  std::vector<std::string> kinds;       // of the stages that may be run; empty: all
  bool failed_only = false;             // stages whose last attempt failed, and what hangs on them
  const SlurmOptions* slurm = nullptr;  // submit, and do not wait
};

// Plans, runs, records, prints. Returns the exit code; throws Error where nothing could be started.
int run_experiment(const Experiment& experiment, const RunRequest& request);

struct Picture {
  std::string request;
  std::filesystem::path file;            // empty where there is none
  std::vector<std::string> rows, notes;  // labels; what is not shown, and why
  std::string error;                     // why there is none
};

// <results>/pictures/<experiment>-<request>.png of every request.
std::vector<Picture> draw_pictures(const Plan& plan, const CommonOptions& common);

// Says on stderr where an experiment of this name was last run from another file.
void warn_of_other_source(const Plan& plan, const CommonOptions& common);

// The comparison table, the pictures, the cost, the ledger's place and three commands to try next.
void print_closing(const Plan& plan, const RunSummary& summary, const CommonOptions& common);

}  // namespace tessera
