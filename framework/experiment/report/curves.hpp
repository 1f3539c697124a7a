// Training curves for drawing: for each metric by step, and each group of cells that share their stages, mean and range over distinct
// stages.
#pragma once
#include <SQLiteCpp/Database.h>

#include <string>

#include "core/json.hpp"

namespace tessera {

// Numbers drawn in all curves together. A curve with more steps than its share is drawn at evenly spread ones, its first and last
// among them; the page says which share of the steps it shows.
inline constexpr int64_t kMostDrawnPoints = 60'000;

// [{slot, metric, unit, goal, definition, timing, series: [{cells, stages, steps, drawn, x, mean, min, max, n}]}] of published stages of
// current trials. n, how many of them have a finite value at the step, is left out where it is all.
Json training_curves(SQLite::Database& database, const std::string& experiment, int64_t most_points = kMostDrawnPoints);

}  // namespace tessera
