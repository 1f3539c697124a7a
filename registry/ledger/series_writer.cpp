#include "registry/ledger/series_writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double column_or_nan(SQLite::Statement& row, int i) { return row.isColumnNull(i) ? kNan : row.getColumn(i).getDouble(); }

}  // namespace

// Sums run in step order from zero, here and in scan(): the same bits whether a series came in one pass or in many.
void SeriesWriter::Summary::append(int64_t step, double value) {
  const bool first = n == n_nan;
  ++n;
  last = value;
  steps = step;
  if (std::isnan(value)) {
    ++n_nan;
    return;
  }
  min = first ? value : std::min(min, value);
  max = first ? value : std::max(max, value);
  sum += value;
}

bool SeriesWriter::load(const Series& series, Summary& summary) {
  auto& row = statements_.bound("SELECT n, n_nan, steps, last, min, max, sum FROM summary WHERE stage = ? AND metric = ?", series.first,
                                series.second);
  const bool found = row.executeStep();
  if (found) {
    summary.n = row.getColumn(0).getInt64();
    summary.n_nan = row.getColumn(1).getInt64();
    summary.steps = row.getColumn(2).getInt64();
    summary.last = column_or_nan(row, 3);
    summary.min = column_or_nan(row, 4);
    summary.max = column_or_nan(row, 5);
    summary.sum = column_or_nan(row, 6);
  }
  row.reset();
  return found;
}

SeriesWriter::Summary SeriesWriter::scan(const Series& series) {
  auto& row = statements_.bound("SELECT step, value FROM point WHERE stage = ? AND metric = ? ORDER BY step", series.first, series.second);
  Summary summary;
  while (row.executeStep()) summary.append(row.getColumn(0).getInt64(), column_or_nan(row, 1));
  row.reset();
  return summary;
}

void SeriesWriter::store(const Series& series, const Summary& s) {
  if (s.n == 0) {
    statements_.run("DELETE FROM summary WHERE stage = ? AND metric = ?", series.first, series.second);
    return;
  }
  const bool none = s.n == s.n_nan;
  statements_.run("INSERT OR REPLACE INTO summary (stage, metric, n, n_nan, last, min, max, sum, steps) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  series.first, series.second, s.n, s.n_nan, s.last, none ? kNan : s.min, none ? kNan : s.max, s.sum, s.steps);
}

void SeriesWriter::write(const Series& series, std::vector<std::pair<int64_t, double>>& points) {
  // Sort by step; of equal steps the later line wins.
  const auto by_step = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(points.begin(), points.end(), by_step)) std::stable_sort(points.begin(), points.end(), by_step);
  size_t kept = 0;
  for (const auto& point : points) {
    if (kept > 0 && points[kept - 1].first == point.first) --kept;
    points[kept++] = point;
  }
  points.resize(kept);

  Summary summary;
  const bool exists = load(series, summary);
  const bool appends = !exists || points.front().first > summary.steps;
  auto& insert =
      statements_.bound("INSERT OR REPLACE INTO point (stage, metric, step, value) VALUES (?, ?, ?, ?)", series.first, series.second);
  for (const auto& point : points) {
    insert.bind(3, point.first);
    bind_value(insert, 4, point.second);
    insert.exec();
    insert.reset();
    if (appends) summary.append(point.first, point.second);
  }
  store(series, appends ? summary : scan(series));
}

void SeriesWriter::flush() {
  for (auto& [series, points] : buffer_) write(series, points);
  buffer_.clear();
  buffered_ = 0;
}

void SeriesWriter::take_away(int64_t stage, int64_t after, int64_t up_to, bool sample_axis) {
  std::vector<std::pair<int64_t, bool>> metrics;  // id, is of the sample axis
  auto& row =
      statements_.bound("SELECT y.metric, m.axis = 'sample' FROM summary y JOIN metric m ON m.id = y.metric WHERE y.stage = ?", stage);
  while (row.executeStep()) metrics.emplace_back(row.getColumn(0).getInt64(), row.getColumn(1).getInt() != 0);
  row.reset();
  for (const auto& [metric, of_samples] : metrics) {
    int64_t gone = 0;
    if (!of_samples)
      gone = statements_.run("DELETE FROM point WHERE stage = ? AND metric = ? AND step > ? AND step <= ?", stage, metric, after, up_to);
    else if (sample_axis)
      gone = statements_.run("DELETE FROM point WHERE stage = ? AND metric = ?", stage, metric);
    if (gone > 0) store({stage, metric}, scan({stage, metric}));
  }
}

}  // namespace tessera
