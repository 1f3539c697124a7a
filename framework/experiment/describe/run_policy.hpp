// How stages are run, never what they compute: [run] of an experiment file. It enters no key, so that a changed limit recomputes
// nothing.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/option_schema.hpp"

namespace tessera {

struct Entry;
class Problems;

// Stops trainings that fall behind others of their group; pruning.hpp says when.
struct PrunePolicy {
  std::string rule = "none";               // none, median, asha
  std::string stage = "prior";             // the kind of stage: tokenizer or prior
  std::string metric = "validation_loss";  // least is best
  int64_t first_step = 0;                  // no stage is pruned before it; asha's first rung
  int64_t startup = 5;                     // median: trainings of the group that must be complete
  int64_t factor = 3;                      // asha: one in so many goes on at each rung
};

struct RunPolicy {
  int64_t jobs = 1;
  std::string on_error = "continue";
  int64_t retries = 0;
  double time_limit = 0;      // s of one attempt at one stage, 0 = none
  int64_t memory_limit = 0;   // MiB of private memory of one host, 0 = none
  double stall_limit = 1800;  // s, 0 = none
  PrunePolicy prune;
};

// The options of [run]: from here come their checks, `run --help` and the reference. Their effect is "run".
const std::vector<OptionSchema>& run_options();
// From entries "run.<name>"; what is wrong is added to the problems.
RunPolicy read_run_policy(const std::vector<Entry>& entries, Problems& problems);

}  // namespace tessera
