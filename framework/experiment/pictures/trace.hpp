// The order in which a sampling strategy committed tokens, out of the ledger's previews (the first 64 samples of a stage).
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "core/png.hpp"

namespace tessera {

struct TracePlane {
  int64_t height = 0, width = 0, vocabulary = 0;
  bool spatial = true;
  int64_t begin = 0;  // its first position; planes lie end to end, each row by row
};

struct TracedSample {
  int64_t index = 0;
  std::vector<int64_t> commit_step_N;  // -1: known beforehand
};

struct Trace {
  std::string trial, request, stage;  // "quickstart/masked/0", "free", key
  std::vector<TracePlane> planes;
  std::vector<TracedSample> samples;
  std::string note;  // why the planes are not those of the layout

  int64_t length() const;
  int64_t steps() const;                        // the highest step + 1
  std::vector<double> tokens_per_step() const;  // mean over samples
  std::vector<double> mean_step_N() const;      // mean over the samples in which the position was not known; NaN: known in all
};

// The request: the first of free, … that the trial has, where none is named. Throws Error(bad_config) on an unknown trial or request,
// Error(run_failed) where there are no samples yet.
Trace read_trace(SQLite::Database& database, const std::filesystem::path& results, const std::string& trial,
                 const std::optional<std::string>& request);
Json to_json(const Trace& trace);

// Heat maps, early dark and late bright: plane by plane the mean over samples, then the first samples, and what the colours mean.
Image8 draw_trace(const Trace& trace);

}  // namespace tessera
