#include "experiment/report/curves.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace tessera {
namespace {

struct Series {
  std::vector<std::string> cells;
  std::set<int64_t> stages;
  int64_t points = 0, longest = 0;  // of the stage that has most, and its id
};

struct Curve {
  std::string slot, metric, unit, goal, definition;
  int64_t id = 0;  // of the metric
  bool timing = false;
  std::vector<Series> series;
};

struct CellStages {
  std::string cell;
  std::set<int64_t> stages;
  int64_t points = 0, longest = 0;
};

// Cells whose stages are the same ones are one series.
std::vector<Series> series_of(const std::vector<CellStages>& cells) {
  std::vector<Series> all;
  for (const auto& one : cells) {
    auto same = std::find_if(all.begin(), all.end(), [&](const Series& series) { return series.stages == one.stages; });
    if (same == all.end()) same = all.insert(all.end(), {{}, one.stages, one.points, one.longest});
    same->cells.push_back(one.cell);
  }
  return all;
}

std::vector<Curve> curves_of(SQLite::Database& database, const std::string& experiment) {
  SQLite::Statement row(database,
                        "SELECT c.cell, x.slot, s.id, m.id, m.name, m.unit, m.goal, m.definition, m.timing, y.n FROM v_cell c "
                        "JOIN v_trial t ON t.experiment = c.experiment AND t.cell_hash = c.cell_hash JOIN trial_stage x ON x.trial = t.id "
                        "JOIN stage s ON s.id = x.stage JOIN summary y ON y.stage = s.id JOIN metric m ON m.id = y.metric "
                        "WHERE c.experiment = ?1 AND t.experiment = ?1 AND c.current AND t.current AND m.axis = 'step' AND y.n > 1 "
                        "ORDER BY c.baseline DESC, c.position");
  row.bind(1, experiment);
  std::map<std::tuple<std::string, std::string, int64_t>, std::pair<Curve, std::vector<CellStages>>> found;
  while (row.executeStep()) {
    const auto text = [&](int i) { return row.getColumn(i).getString(); };
    auto& [curve, cells] = found[{text(1), text(4), row.getColumn(3).getInt64()}];
    if (cells.empty())
      curve = {text(1), text(4), text(5), text(6), text(7), row.getColumn(3).getInt64(), row.getColumn(8).getInt() != 0, {}};
    if (cells.empty() || cells.back().cell != text(0)) cells.push_back({text(0), {}, 0, 0});
    cells.back().stages.insert(row.getColumn(2).getInt64());
    if (const int64_t points = row.getColumn(9).getInt64(); points > cells.back().points)
      cells.back().points = points, cells.back().longest = row.getColumn(2).getInt64();
  }
  std::vector<Curve> curves;
  for (auto& [key, one] : found) {
    one.first.series = series_of(one.second);
    curves.push_back(std::move(one.first));
  }
  return curves;
}

// Five significant digits: what a chart can show, in half the bytes.
Json short_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::strtod(fmt::format("{:.5g}", value).c_str(), nullptr);
}

struct Gathered {
  int64_t n = 0;
  double sum = 0, least = 0, most = 0;
  void add(double value) {
    least = n == 0 ? value : std::min(least, value);
    most = n == 0 ? value : std::max(most, value);
    sum += value;
    ++n;
  }
};

class PointReader {
 public:
  explicit PointReader(SQLite::Database& database)
      : steps_(database, "SELECT step FROM point WHERE stage = ?1 AND metric = ?2 ORDER BY step"),
        all_(database, "SELECT step, value FROM point WHERE stage = ?1 AND metric = ?2"),
        one_(database, "SELECT value FROM point WHERE stage = ?1 AND metric = ?2 AND step = ?3") {}

  // Evenly spread among the steps that the stage has.
  std::vector<int64_t> spread_steps(int64_t stage, int64_t metric, int64_t wanted) {
    std::vector<int64_t> all, chosen;
    start(steps_, stage, metric);
    while (steps_.executeStep()) all.push_back(steps_.getColumn(0).getInt64());
    const auto last = static_cast<int64_t>(all.size()) - 1;
    for (int64_t i = 0; i < wanted; ++i) chosen.push_back(all[static_cast<size_t>(i * last / (wanted - 1))]);
    return chosen;
  }

  void read(int64_t stage, int64_t metric, std::map<int64_t, Gathered>& into) {
    start(all_, stage, metric);
    while (all_.executeStep()) add(all_, 1, into[all_.getColumn(0).getInt64()]);
  }

  void read_at(int64_t stage, int64_t metric, const std::vector<int64_t>& steps, std::map<int64_t, Gathered>& into) {
    for (const int64_t step : steps) {
      start(one_, stage, metric);
      one_.bind(3, step);
      auto& gathered = into[step];
      if (one_.executeStep()) add(one_, 0, gathered);
    }
  }

 private:
  static void start(SQLite::Statement& statement, int64_t stage, int64_t metric) {
    statement.reset();
    statement.bind(1, stage);
    statement.bind(2, metric);
  }
  // NaN and infinities have no place in a mean that is drawn.
  static void add(SQLite::Statement& row, int column, Gathered& into) {
    if (row.isColumnNull(column)) return;
    if (const double value = row.getColumn(column).getDouble(); std::isfinite(value)) into.add(value);
  }

  SQLite::Statement steps_, all_, one_;
};

Json series_json(PointReader& reader, const Series& series, int64_t metric, int64_t most_points) {
  std::map<int64_t, Gathered> by_step;
  const bool all = series.points <= most_points;
  const auto steps = all ? std::vector<int64_t>() : reader.spread_steps(series.longest, metric, most_points);
  for (const int64_t stage : series.stages) {
    if (all) {
      reader.read(stage, metric, by_step);
      continue;
    }
    reader.read_at(stage, metric, steps, by_step);
  }
  Json x = Json::array(), mean = Json::array(), least = Json::array(), most = Json::array(), n = Json::array();
  bool whole = true;
  for (const auto& [step, gathered] : by_step) {
    x.push_back(step);
    n.push_back(gathered.n);
    whole = whole && gathered.n == static_cast<int64_t>(series.stages.size());
    mean.push_back(gathered.n == 0 ? Json() : short_number(gathered.sum / static_cast<double>(gathered.n)));
    least.push_back(gathered.n == 0 ? Json() : short_number(gathered.least));
    most.push_back(gathered.n == 0 ? Json() : short_number(gathered.most));
  }
  Json json = {{"cells", series.cells}, {"stages", series.stages.size()}, {"steps", series.points}, {"drawn", by_step.size()},
               {"x", std::move(x)},     {"mean", std::move(mean)}};
  if (series.stages.size() > 1) json["min"] = std::move(least), json["max"] = std::move(most);
  if (!whole) json["n"] = std::move(n);
  return json;
}

}  // namespace

Json training_curves(SQLite::Database& database, const std::string& experiment, int64_t most_points) {
  const auto curves = curves_of(database, experiment);
  int64_t series = 0;
  for (const auto& curve : curves) series += static_cast<int64_t>(curve.series.size());
  const int64_t each = std::clamp<int64_t>(most_points / std::max<int64_t>(series, 1), 24, 500);
  PointReader reader(database);
  Json list = Json::array();
  for (const auto& curve : curves) {
    Json drawn = Json::array();
    for (const auto& one : curve.series) drawn.push_back(series_json(reader, one, curve.id, each));
    list.push_back({{"slot", curve.slot},
                    {"metric", curve.metric},
                    {"unit", curve.unit},
                    {"goal", curve.goal},
                    {"timing", curve.timing},
                    {"definition", curve.definition},
                    {"series", std::move(drawn)}});
  }
  return list;
}

}  // namespace tessera
