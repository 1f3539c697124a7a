// One picture of an experiment, or of trials of several, at one noise seed: originals, reconstructions, then samples by request and arm, a
// row each. A column is one index, spread over the first 64, of samples and validation images alike: a completion stands below what it
// completes, and two strategies' first draws for one index are the same noise.
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/png.hpp"

namespace tessera {

struct GridRequest {
  std::string experiment;             // or a trial
  std::vector<std::string> requests;  // entries of sampling.requests ("free", "top_half"); empty: all
  std::optional<int64_t> seed;        // of the trials; empty: the least that all experiments have samples at. A trial has its own.
  int64_t columns = 12;
  std::vector<std::string> also = {};   // further experiments and trials
  std::vector<std::string> cells = {};  // labels of the cells to show; empty: all
};

struct PictureGrid {
  Image8 image;
  int64_t seed = 0;
  std::vector<std::string> rows;   // labels, as drawn
  std::vector<std::string> notes;  // what could not be shown, and why
};

// Reads published outputs of current trials. Throws Error(bad_config) on an unknown experiment or request, Error(run_failed) where
// there is nothing to show.
PictureGrid draw_grid(SQLite::Database& database, const std::filesystem::path& results, const GridRequest& request);

}  // namespace tessera
