// What the ledger knows of an experiment's current trials, read once: cells, trials, their stages, and the number that each metric
// came to. Ids are those of one database; the order of everything is that of the cells in the file and of the seeds.
#pragma once
#include <SQLiteCpp/Database.h>

#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tessera {

struct EvidenceMetric {
  std::string kind, name, goal, unit, definition;
  int64_t revision = 0;
  bool timing = false;
  bool by_sample = false;  // one number a sample; the stage's number is their mean
};

struct EvidenceValue {
  int64_t metric = 0;   // id
  double value = 0;     // NaN where it is none
  int64_t n = 0;        // of steps or samples
  int64_t numbers = 0;  // those that are not NaN
};

struct EvidenceStage {
  std::string kind;
  bool done = false;                  // published
  int64_t run = 0;                    // number of the run that published it
  std::string state, error;           // of those that are not: failed, running, interrupted, killed, waiting, …
  int64_t steps = 0;                  // trained: of tokenizers and priors, the highest step that has a value
  std::vector<EvidenceValue> values;  // those that compare can show
  std::string options = {};           // of calibration stages: their own options, as JSON
};

struct EvidenceTrial {
  int64_t id = 0, seed = 0;
  size_t cell = 0;
  std::vector<std::pair<size_t, int64_t>> stages;  // slot (index), stage id
};

struct RemovedTrial {
  size_t cell = 0;
  int64_t seed = 0;
};

struct Evidence {
  std::vector<int64_t> cell_ids;
  std::vector<std::string> cells;  // the baseline first, else in the order of the file
  std::vector<std::string> slots;  // "tokenizer", "evaluation.samples.free", …
  std::vector<EvidenceTrial> trials;
  std::unordered_map<int64_t, EvidenceStage> stages;
  std::unordered_map<int64_t, EvidenceMetric> metrics;
  std::vector<std::string> retired;         // cells of older versions of the file that have finished trials
  std::vector<std::string> retired_trials;  // of current cells: finished trials of seeds that the file no longer asks for, "cell/seed"
  std::vector<std::string> removed_trials;  // finished trials that `rm` took out, "cell/seed"
  std::vector<RemovedTrial> removed;        // of current cells: those `rm` took out and the file asks for; a new run brings them back
};

// Current cells and trials; their stages without `steps` and `values`.
Evidence read_evidence(SQLite::Database& database, const std::string& experiment);
// Sets `steps` and `values` of the stages, and nothing else. Metrics: all of evaluations, of other stages those with a goal; of published
// stages alone.
void read_values(SQLite::Database& database, Evidence& evidence);

// The slot of the stage that scores real data in the place of samples.
inline constexpr const char* kCalibration = "evaluation.calibration";

inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

}  // namespace tessera
