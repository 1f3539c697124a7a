// What earlier runs have measured, out of the ledger: curves that a pruned training is compared with, and how long stages took.
#pragma once
#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiment/describe/run_policy.hpp"
#include "experiment/plan/plan.hpp"

namespace tessera {

struct PastCurve {
  std::string stage;                 // key; one of the plan's
  std::map<int64_t, double> values;  // by step; NaN where it was none
};

// Keys of the stages that the ledger calls failed: not published, and the last attempt failed.
std::set<std::string> failed_stages(SQLite::Database& database);

// The file from which an experiment of the plan's name was last run, where it is another one than the plan's and still there.
std::optional<std::string> other_source(SQLite::Database& database, const Plan& plan);

// Of the stages of the plan that pruning looks at, whether they are complete or not. Empty where nothing is pruned.
std::vector<PastCurve> past_curves(SQLite::Database& database, const Plan& plan, const PrunePolicy& policy);

// A published stage and the time that all its runs took.
struct MeasuredStage {
  std::string kind, key;
  Json parts;
  double seconds = 0, cpu_seconds = 0;
  int64_t bytes = 0;  // of what it published
};

// The newest of each kind, a few hundred at most.
std::vector<MeasuredStage> measured_stages(SQLite::Database& database);

// What the stage would take: the time of the measured stage of its kind that differs least, scaled by steps × batch and by the number of
// samples; that of a prior by its parameters too, against the bytes of the weights that were published. Another plugin
// counts as three differences. Empty where no stage of the kind (and subject) was measured.
std::optional<StageCost> estimate_cost(const Plan& plan, const PlannedStage& stage, const std::vector<MeasuredStage>& measured);

}  // namespace tessera
