// What a comparison leaves out, and why: trials whose stages are not all published, numbers that are NaN. Nothing is left out silently.
#pragma once
#include <string>
#include <vector>

#include "core/json.hpp"
#include "experiment/evidence/evidence.hpp"

namespace tessera {

struct ExcludedTrial {
  std::string cell;
  int64_t seed = 0;
  std::string slot, state, error;  // of the stage that holds it up: the first of the pipeline in the worst state
  std::vector<std::string> parts;  // in which it therefore has no numbers: "tokenizer", "prior", "samples.free", …
  bool censored = false;           // stopped because it did badly: what is left of its cell looks better than the cell is
};

// By cell and seed.
std::vector<ExcludedTrial> excluded_trials(const Evidence& evidence);
Json to_json(const std::vector<ExcludedTrial>& excluded);

// Place in the pipeline: data, tokenizer, tokens, prior, all others.
int pipeline_place(const std::string& slot);
// "evaluation.samples.free" and "samples.free" tell of one part.
std::string part_of(const std::string& slot);

// A stage with a seed of its own that all seeds of a cell have in common: what is said of the cell holds for this one alone.
struct PinnedStage {
  std::string slot;                // "tokenizer", "prior", "samples.free"
  std::vector<std::string> cells;  // with two seeds or more
  bool one = false;                // the same one in all of them
  bool everywhere = false;         // in every cell with two seeds or more
};
std::vector<PinnedStage> pinned_stages(const Evidence& evidence);

}  // namespace tessera
