// What else differed? Facts of two cells' stages, seed by seed, where they are not the same stage: what a run ran on (device, CPU,
// instruction set, threads, library, compiler, system), numerics, engine and plugin code, data, steps trained. A fact that follows from
// an option in which the cells differ is expected: that is what the experiment asks about. One that nobody asked for is an
// *uncontrolled difference*: it may be what the numbers show. A stage that was resumed elsewhere has one within itself. What differs
// between the seeds of a cell alone touches means, not differences paired by seed: it is told, and is none.
#pragma once
#include <SQLiteCpp/Database.h>

#include <string>
#include <vector>

#include "core/json.hpp"
#include "experiment/evidence/evidence.hpp"
#include "experiment/evidence/stage_facts.hpp"

namespace tessera {

struct FactDifference {
  std::vector<std::string> cells;  // in which the same differs from
  std::string from;                // the cell that they are measured from (without a baseline: the first)
  std::string fact;                // "torch", "threads", "numerics.precision", "engine revision", "plugin gpt", "data", "steps"
  std::string value, from_value;   // resumed: of the last run, and of the one before the change
  std::vector<std::string> slots;
  std::vector<int64_t> seeds;
  std::string follows;                                      // the options that explain it; empty: uncontrolled
  enum Where { against, within, between } where = against;  // cells; the runs of one stage; the seeds of a cell (`from` is empty)
};

// Information: what training was given, by cell and trained stage, where cells differ in it.
struct Budget {
  std::string cell, slot;
  int64_t steps = 0, weights_bytes = 0;  // the first seed's; 0: not on record
};

struct Controls {
  std::vector<FactDifference> differences;  // uncontrolled ones first
  std::vector<Budget> budgets;
  size_t uncontrolled() const;
};
bool is_uncontrolled(const FactDifference& difference);

// `baselines`: for each cell the one that it is measured from, or kNoCell. Published stages alone; seeds that both cells have, or the
// first of each where they have none in common.
Controls controls_of(SQLite::Database& database, const Evidence& evidence, const StageFacts& facts, const std::vector<size_t>& baselines);
Json to_json(const Controls& controls);

// "masked against causal: threads 2, not 1, in prior and samples.free at seeds 0 and 1"
std::string sentence(const FactDifference& difference);

}  // namespace tessera
