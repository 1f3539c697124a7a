#include "experiment/pictures/curves.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "experiment/compare/comparison.hpp"
#include "experiment/trials/metric_words.hpp"

namespace tessera {
namespace {

// Series of many steps are meant before single numbers.
std::vector<MetricName> series_of(SQLite::Database& database, const std::string& experiment) {
  SQLite::Statement row(database,
                        "SELECT m.id, x.slot, m.name, max(y.n) > 1 FROM v_trial v JOIN trial_stage x ON x.trial = v.id JOIN summary y ON "
                        "y.stage = x.stage JOIN metric m ON m.id = y.metric WHERE v.experiment = ? AND v.current AND m.axis = 'step' "
                        "GROUP BY m.id, x.slot ORDER BY x.slot, m.name");
  row.bind(1, experiment);
  std::vector<MetricName> names;
  while (row.executeStep())
    names.push_back(
        {row.getColumn(0).getInt64(), row.getColumn(1).getString(), row.getColumn(2).getString(), row.getColumn(3).getInt() ? 0 : 1});
  return names;
}

MetricName find_series(const std::vector<MetricName>& names, const std::string& experiment, const std::string& word) {
  const auto meant = metrics_meant(word, names);
  if (!meant.empty() && meant[0].size() == 1) return meant[0][0];
  std::vector<std::string> words, near;
  if (!meant.empty()) {
    for (const auto& one : meant[0]) words.push_back(one.word());
    throw Error(ExitCode::bad_config, fmt::format("curves: found metric '{}', which may be {}", word, listed(words)));
  }
  for (const auto& one : names) {
    if (one.rank == 0) words.push_back(one.word());
    near.push_back(one.name), near.push_back(one.word());
  }
  if (names.empty()) throw Error(ExitCode::bad_config, fmt::format("curves: {} has no numbers yet", experiment));
  const auto meaning = did_you_mean(word, near);
  throw Error(ExitCode::bad_config, fmt::format("curves: found metric '{}', expected one of {}{}", word, listed(words),
                                                meaning ? fmt::format("; did you mean \"{}\"?", *meaning) : ""));
}

struct Sum {
  double sum = 0, min = INFINITY, max = -INFINITY;
  int64_t count = 0;
};

std::vector<CurvePoint> read_points(SQLite::Database& database, const std::set<int64_t>& stages, int64_t metric) {
  std::map<int64_t, Sum> by_step;
  SQLite::Statement row(database, "SELECT step, value FROM point WHERE stage = ? AND metric = ? AND value IS NOT NULL");
  for (const int64_t stage : stages) {
    row.reset();
    row.bind(1, stage);
    row.bind(2, metric);
    while (row.executeStep()) {
      const double value = row.getColumn(1).getDouble();
      if (!std::isfinite(value)) continue;
      auto& at = by_step[row.getColumn(0).getInt64()];
      at.sum += value, ++at.count;
      at.min = std::min(at.min, value), at.max = std::max(at.max, value);
    }
  }
  std::vector<CurvePoint> points;
  for (const auto& [step, at] : by_step) points.push_back({step, at.sum / static_cast<double>(at.count), at.min, at.max, at.count});
  return points;
}

// Which of `count` equal ranges of the curve's steps a step is in.
size_t range_of(const std::vector<CurvePoint>& points, int64_t step, size_t count) {
  const auto first = points.front().step, last = points.back().step;
  const auto place = static_cast<double>(step - first) / static_cast<double>(std::max<int64_t>(1, last - first + 1));
  return std::min(count - 1, static_cast<size_t>(place * static_cast<double>(count)));
}

// Steps from one point to the next: the median.
double usual_distance(const std::vector<CurvePoint>& points) {
  std::vector<int64_t> distances;
  for (size_t i = 1; i < points.size(); ++i) distances.push_back(points[i].step - points[i - 1].step);
  if (distances.empty()) return 0;
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return static_cast<double>(*middle);
}

}  // namespace

std::string Curve::label() const { return fmt::format("{}", fmt::join(cells, " = ")); }

Curves read_curves(SQLite::Database& database, const std::string& word, const std::string& metric_word) {
  Curves curves;
  curves.experiment = find_ledger_experiment(database, word);
  const auto series = find_series(series_of(database, curves.experiment), curves.experiment, metric_word);
  curves.part = series.part(), curves.metric = series.name;
  SQLite::Statement unit(database, "SELECT unit FROM metric WHERE id = ?");
  unit.bind(1, series.id);
  if (unit.executeStep()) curves.unit = unit.getColumn(0).getString();

  SQLite::Statement row(
      database,
      "SELECT c.cell, x.stage FROM v_cell c JOIN trial t ON t.cell = c.id JOIN v_trial v ON v.id = t.id JOIN trial_stage x "
      "ON x.trial = t.id AND x.slot = ?2 JOIN summary y ON y.stage = x.stage AND y.metric = ?3 "
      "WHERE c.experiment = ?1 AND c.current AND v.current ORDER BY c.baseline DESC, c.position, t.seed");
  row.bind(1, curves.experiment);
  row.bind(2, series.slot);
  row.bind(3, series.id);
  std::vector<std::pair<std::string, std::set<int64_t>>> cells;
  while (row.executeStep()) {
    const auto cell = row.getColumn(0).getString();
    if (cells.empty() || cells.back().first != cell) cells.push_back({cell, {}});
    cells.back().second.insert(row.getColumn(1).getInt64());
  }
  std::vector<std::set<int64_t>> seen;
  for (const auto& [cell, stages] : cells) {
    const auto same = std::find(seen.begin(), seen.end(), stages);
    if (same == seen.end()) {
      seen.push_back(stages);
      curves.curves.push_back({{cell}, static_cast<int64_t>(stages.size()), read_points(database, stages, series.id)});
    } else {
      curves.curves[static_cast<size_t>(same - seen.begin())].cells.push_back(cell);
    }
  }
  return curves;
}

Json to_json(const Curves& curves) {
  Json list = Json::array();
  for (const auto& curve : curves.curves) {
    Json points = Json::array();
    for (const auto& p : curve.points)
      points.push_back({{"step", p.step}, {"mean", p.mean}, {"min", p.min}, {"max", p.max}, {"stages", p.stages}});
    list.push_back({{"cells", curve.cells}, {"stages", curve.stages}, {"points", std::move(points)}});
  }
  return {{"experiment", curves.experiment}, {"part", curves.part}, {"metric", curves.metric}, {"unit", curves.unit}, {"curves", list}};
}

std::vector<std::vector<CurvePoint>> pieces(const std::vector<CurvePoint>& points) {
  std::vector<std::vector<CurvePoint>> runs;
  for (const auto& point : points) {
    if (runs.empty() || runs.back().back().stages != point.stages) runs.emplace_back();
    runs.back().push_back(point);
  }
  return runs;
}

std::string stages_text(const Curve& curve) {
  // Stages end one by one. Where numbers are missing in between, the most and the least say enough.
  std::vector<int64_t> counts;
  for (const auto& piece : pieces(curve.points)) counts.push_back(piece[0].stages);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  if (!std::is_sorted(counts.rbegin(), counts.rend())) return fmt::format("{} ({} to {})", curve.stages, *least, *most);
  if (counts.empty() || counts[0] != curve.stages) counts.insert(counts.begin(), curve.stages);
  return fmt::format("{}", fmt::join(counts, "→"));
}

std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, size_t count) {
  if (points.size() <= count) return points;
  std::vector<CurvePoint> thin;
  std::vector<double> of_range;
  size_t range = count;
  for (const auto& point : points) {
    const size_t own = range_of(points, point.step, count);
    if (own != range || thin.back().stages != point.stages) {
      thin.push_back({point.step, 0, 0, 0, point.stages});
      of_range.push_back(0);
      range = own;
    }
    auto& to = thin.back();
    to.mean += point.mean, to.min += point.min, to.max += point.max, to.step = point.step;
    of_range.back() += 1;
  }
  for (size_t i = 0; i < thin.size(); ++i) thin[i].mean /= of_range[i], thin[i].min /= of_range[i], thin[i].max /= of_range[i];
  return thin;
}

std::string sparkline(const std::vector<CurvePoint>& points, size_t width, double low, double high) {
  static const char* const kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (points.empty()) return "";
  const double usual = usual_distance(points);
  std::string line;
  size_t next = 0;  // the first point behind the column
  for (size_t i = 0; i < width; ++i) {
    double sum = 0, count = 0;
    for (; next < points.size() && range_of(points, points[next].step, width) == i; ++next) sum += points[next].mean, ++count;
    // A column between two neighbours is no gap: steps and columns do not divide evenly.
    const bool missing =
        count == 0 && (next == 0 || next == points.size() || static_cast<double>(points[next].step - points[next - 1].step) > 1.5 * usual);
    if (missing) {
      line += " ";
      continue;
    }
    const double value = count > 0 ? sum / count : points[next - 1].mean;
    const double height = high > low ? (value - low) / (high - low) : 0;
    line += kBlocks[std::clamp(static_cast<int>(std::floor(height * 8)), 0, 7)];
  }
  return line;
}

}  // namespace tessera
