// Training curves of an experiment: one metric by step, the mean over the distinct stages of each cell, and their band.
#pragma once
#include <SQLiteCpp/Database.h>

#include <string>
#include <vector>

#include "core/json.hpp"

namespace tessera {

struct CurvePoint {
  int64_t step = 0;
  double mean = 0, min = 0, max = 0;  // over the stages that have a number there; NaN and infinities left out
  int64_t stages = 0;
};

struct Curve {
  std::vector<std::string> cells;  // more than one: they share their stages
  int64_t stages = 0;              // distinct ones
  std::vector<CurvePoint> points;  // by step

  std::string label() const;
};

struct Curves {
  std::string experiment, part, metric, unit;
  std::vector<Curve> curves;  // in the order of the experiment's cells, the baseline first
};

// Current cells. Throws Error(bad_config) on an unknown experiment, and on a metric that is unknown or of several parts.
Curves read_curves(SQLite::Database& database, const std::string& experiment, const std::string& metric);
Json to_json(const Curves& curves);

// Runs of points that are means over equally many stages: between two of them the mean is of others, and no line leads from one to the
// next. A stage that was pruned, or is not finished, ends one.
std::vector<std::vector<CurvePoint>> pieces(const std::vector<CurvePoint>& points);
// "2", or "4→2→1" where some stages end before others.
std::string stages_text(const Curve& curve);
// The curve in at most `count` points a piece: means of equal ranges of steps.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, size_t count);
// One character of eight heights for each of `width` equal ranges of steps, from `low` to `high`; a space where there is no number.
std::string sparkline(const std::vector<CurvePoint>& points, size_t width, double low, double high);

}  // namespace tessera
