// Arms × metrics of one experiment, out of the ledger. Statistics count distinct stages; arms that share their stages are one
// row, "the same stage", not a difference of zero; every table of distribution metrics carries its calibration rows.
#pragma once
#include <SQLiteCpp/Database.h>

#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "experiment/evidence/exclusions.hpp"
#include "experiment/evidence/uncontrolled.hpp"
#include "experiment/statistics/sample_difference.hpp"

namespace tessera {

struct ComparedMetric {
  std::string name, goal, unit, definition;
  int64_t revision = 0;
  bool timing = false;
  bool cost = false;       // counted or timed by the stage that makes the samples, not a score of them
  bool by_sample = false;  // one number a sample; a stage's number is their mean
  bool count = false;      // of samples, images, sequences: without goal and unit, and its definition begins "Number of"
};

// Seeds that are no pair: both cells have the same stage there; only one of the two has a number.
struct UnpairedSeeds {
  std::vector<int64_t> shared, row_only, base_only;
};

struct ComparedValue {
  Estimate estimate;
  std::optional<double> difference;        // from the baseline: the mean over pairs of equal seed; none without a pair of distinct stages
  std::optional<PairedDifference> paired;  // the same with its interval and p
  std::optional<double> p_holm;            // of paired->p, corrected for the rows that are compared on this metric
  int64_t comparisons = 1;                 // how many rows those are
  UnpairedSeeds unpaired;
  std::vector<int64_t> nan_seeds, infinite_seeds;  // where the stage's number is NaN, or infinite
  int64_t least_samples = 0, most_samples = 0;     // of a per-sample metric: samples with a number, a stage
  std::optional<Estimate> over_samples;            // of a per-sample metric that was named: units are samples, the models held fixed
  std::vector<int64_t> both_seeds;                 // at which the row and what it is compared with have a number
  int64_t coming_pairs = 0;                        // that seeds asked for already will add when they run
};

struct ComparedRow {
  std::vector<std::string> cells;  // more than one: they share their stages
  bool baseline = false;
  int64_t stages = 0;                                // distinct ones
  std::vector<std::optional<ComparedValue>> values;  // by metric
  std::string from;                                  // the cell that it is compared with; empty: with none
  bool pooled = false;                               // of real data: its stages are those of several tokenizers, not of seeds alone
  std::vector<int64_t> missing_seeds;                // of its first cell: asked for, and nothing of this part is done
  bool unequal_sets = false;                         // scored on another number of samples than `from`
  int64_t censored = 0;                              // trials of its cells that were stopped because they did badly
  std::vector<std::string> same_slots;  // stages that it and `from` have in common wherever both have the seed: "data", "tokenizer", …
};

// What the arms' tokenizers, priors or answers to one sampling request came to.
struct ComparedPart {
  std::string name;  // "tokenizer", "prior", "samples.free", …
  std::vector<ComparedMetric> metrics;
  bool unequal_sets = false;             // rows were scored on different numbers of samples
  std::vector<ComparedRow> rows;         // in the order of the experiment's cells, the baseline first
  std::vector<ComparedRow> calibration;  // real data in the place of samples
};

// A per-sample metric's difference from the baseline, sample by sample.
struct ComparedSamples {
  std::string part;
  ComparedMetric metric;
  std::vector<std::string> cells;  // of the row
  std::string from;
  SampleDifference difference;
  bool same_data = true;  // false: the two were scored on different images, index i is not one sample, and there is no difference
};

struct FrontierRival {
  std::vector<std::string> cells;
  PairedDifference difference;  // in quality, of the dominated one from this one
  bool decided = false;         // its interval excludes 0, on the side of this one
};
struct FrontierPoint {
  size_t row = 0;  // of the part
  std::vector<std::string> cells;
  Estimate cost, quality;
  bool on_frontier = false;
  std::vector<FrontierRival> dominated_by;  // members of the frontier, where they were asked for
};
// One quality of one part against one cost: see frontier.hpp.
struct Frontier {
  std::string part;
  ComparedMetric cost, quality;
  std::vector<FrontierPoint> points;  // cheapest first
  int64_t environments = 1;           // in which samples were made, for a cost that a clock tells; above 1 there are no points
};

// See more_seeds.hpp.
struct MoreSeeds {
  bool reach = false;              // so few pairs cannot reach p = 0.05, whatever they show
  std::string part, metric;        // of which comparison
  std::vector<std::string> cells;  // of the row
  int64_t pairs = 0, comparisons = 1;
  double least_p = 1;  // the smallest p that so many pairs can give, Holm's correction included
  int64_t seeds = 0;   // a cell in all: those it has, finished or not, and those to add
  bool alike = true;   // all comparisons have so many pairs
};

struct Comparison {
  std::string experiment, question, baseline, source;  // source: the file as it was named
  int64_t trials = 0, trials_done = 0, seeds = 0;      // seeds: that any cell has, removed trials included
  std::vector<ComparedPart> parts;
  std::vector<ComparedSamples> samples;
  int64_t read_scores = 0, unread_scores = 0;  // per-sample scores, where no metric was named
  std::vector<Frontier> frontiers;             // where they were asked for
  Controls controls;
  std::vector<ExcludedTrial> excluded;
  std::vector<PinnedStage> pinned;
  std::optional<MoreSeeds> more_seeds;
  std::vector<std::string> retired, retired_trials, removed_trials;  // finished and left out: see Evidence
  std::vector<std::string> unmatched;  // cells that are measured from none: the baseline has none at the same points of the axes
  std::vector<std::string> notes;      // see comparison_notes.hpp
  ComparedPart cost;                   // processor seconds of each stage of the pipeline
};

enum class FrontierDetail { kNone, kMembers, kRivals };  // kRivals: for each cell that is none, by which members it is dominated

struct ComparisonRequest {
  std::string experiment;
  std::vector<std::string> metrics;  // words, see metrics_named(); empty: one number a stage, those with a goal or a constant count
  FrontierDetail frontiers = FrontierDetail::kNone;
  std::string verb = "compare";  // for errors
};

// Current cells and published stages only. Throws Error(bad_config) on an unknown experiment or metric, with the nearest name.
Comparison compare(SQLite::Database& database, const ComparisonRequest& request);
// One object: experiment, question, baseline, trials, trials_done; parts [{name, metrics, rows, calibration}]: a row has cells, baseline,
// stages, values {metric: {n, n_nan, nan_seeds, mean, sd, interval95, difference, paired {…, p, p_holm, comparisons, least_p, detectable,
// pairs_missing, pairs_coming where there are any}, over_samples, seeds_unpaired}}, pooled where it is and, where it is compared, from,
// same_stages, seeds_missing, seeds_unpaired (of all its metrics); parts and rows have unequal_sets where they are; sample_differences and
// sample_scores_unread; more_seeds; frontiers (where they were asked for); controls {differences, uncontrolled, budgets}; excluded,
// retired_cells, retired_trials, removed_trials, cells_without_baseline, pinned, notes; cost (a part). Fields are added, never changed.
// Numbers that are none are "nan", "inf", "-inf".
Json to_json(const Comparison& comparison);

// The experiment of that name, or the only one that ends with it. Throws Error(bad_config).
std::string find_ledger_experiment(SQLite::Database& database, const std::string& word);

}  // namespace tessera
