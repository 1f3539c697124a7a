// Stages of a plan as Slurm job arrays, and what each of them waits for.
//
// Invariants
//  1 A stage waits for the stages it reads and for no others: one that fails takes along what depends on it, nothing else.
//  2 Stages of one kind with alike inputs share an array. Where all of them read one stage the array waits for that task
//    (afterok:JOB_TASK); where each reads its own of another array, it has that one's index (aftercorr:JOB).
//  3 An index is below `array_size` and occurs once in its array.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiment/plan/plan.hpp"

namespace tessera {

struct StageArray {
  std::string kind;
  std::map<int, const PlannedStage*> tasks;  // by array index; the plan keeps them
  std::set<std::pair<size_t, int>> after;    // all tasks wait for this task of an earlier array
  std::set<size_t> alongside;                // task i waits for task i of this earlier array
  std::set<std::string> after_queued;        // all tasks wait for these of earlier submissions: "17_3"

  std::string indices() const;  // "0-4,7"
};

// `keys`: the stages to submit. `queued`: of stages that jobs in the queue compute, the job: key -> "17_3".
std::vector<StageArray> stage_arrays(const Plan& plan, const std::set<std::string>& keys, const std::map<std::string, std::string>& queued,
                                     int array_size = 1000);

}  // namespace tessera
