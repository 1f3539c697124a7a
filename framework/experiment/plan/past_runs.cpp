#include "experiment/plan/past_runs.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

namespace tessera {
namespace {

constexpr int64_t kAnotherPlugin = 3;

// Keys of options to which the time is proportional, by kind of stage.
std::vector<std::string> work_keys(const PlannedStage& stage) {
  if (stage.kind == "tokenizer" || stage.kind == "prior")
    return {stage.kind + ".train.steps", stage.kind + ".train.batch", stage.kind + ".train.accumulate"};
  if (stage.kind == "samples") return {"sampling.count"};
  return {};
}

// An option as the stage's parts have it, or its default, which they leave out.
Json option(const Json& parts, const std::string& key, const Cell& cell) {
  const auto& options = parts.contains("options") ? parts.at("options") : Json::object();
  if (options.contains(key)) return options.at(key);
  const auto known = cell.settings.find(key);
  return known != cell.settings.end() && known->second.schema ? known->second.schema->default_value : Json();
}

std::map<std::string, std::string> plugin_ids(const Json& parts) {
  std::map<std::string, std::string> ids;
  const auto plugins = parts.value("plugins", Json::object());
  for (const auto& [kind, code] : plugins.items()) ids[kind] = code.value("id", "");
  return ids;
}

std::optional<int64_t> differences(const PlannedStage& stage, const Cell& cell, const MeasuredStage& measured) {
  const auto& other = measured.parts;
  if (measured.kind != stage.kind || other.value("subject", "") != stage.parts.value("subject", "")) return std::nullopt;
  int64_t count = other.value("request", "") != stage.parts.value("request", "");
  if (plugin_ids(other) != plugin_ids(stage.parts)) count += kAnotherPlugin;
  if (other.value("numerics", Json()) != stage.parts.value("numerics", Json())) count += kAnotherPlugin;
  const auto work = work_keys(stage);
  std::set<std::string> keys;
  for (const auto* parts : {&stage.parts, &other})
    if (parts->contains("options"))
      for (const auto& [key, value] : parts->at("options").items()) keys.insert(key);
  for (const auto& key : keys)
    if (std::find(work.begin(), work.end(), key) == work.end()) count += option(stage.parts, key, cell) != option(other, key, cell);
  return count;
}

double relative_work(const PlannedStage& stage, const Cell& cell, const MeasuredStage& measured) {
  double ratio = 1;
  for (const auto& key : work_keys(stage)) {
    const auto own = option(stage.parts, key, cell), other = option(measured.parts, key, cell);
    if (own.is_number() && other.is_number() && other.get<double>() > 0) ratio *= own.get<double>() / other.get<double>();
  }
  return ratio;
}

// A prior's parameters against those of the one that was measured, at four bytes each; 1 where either is not known. (What a tokenizer
// publishes holds more than its parameters.)
double relative_size(const Plan& plan, const PlannedStage& stage, const MeasuredStage& measured) {
  if (stage.kind != "prior") return 1;
  const double own = plan.answers[stage.cell].value("parameters", Json::object()).value("prior", 0.0);
  const double other = static_cast<double>(measured.bytes) / 4;
  return own > 0 && other > 0 ? own / other : 1;
}

}  // namespace

std::set<std::string> failed_stages(SQLite::Database& database) {
  SQLite::Statement row(database, "SELECT stage FROM v_stage WHERE state = 'failed'");
  std::set<std::string> failed;
  while (row.executeStep()) failed.insert(row.getColumn(0).getString());
  return failed;
}

std::optional<std::string> other_source(SQLite::Database& database, const Plan& plan) {
  namespace fs = std::filesystem;
  SQLite::Statement row(database,
                        "SELECT e.source, json_extract(v.content, '$.folder') FROM experiment e JOIN front f ON f.id = e.front "
                        "JOIN env v ON v.id = f.env WHERE e.name = ? AND e.source IS NOT NULL");
  row.bind(1, plan.experiment);
  if (!row.executeStep() || row.isColumnNull(1)) return std::nullopt;
  std::error_code error;
  const auto former = fs::weakly_canonical(fs::path(row.getColumn(1).getString()) / row.getColumn(0).getString(), error);
  if (error || !fs::is_regular_file(former, error)) return std::nullopt;
  const auto own = fs::weakly_canonical(plan.source, error);
  if (error || former == own) return std::nullopt;
  return former.string();
}

std::vector<PastCurve> past_curves(SQLite::Database& database, const Plan& plan, const PrunePolicy& policy) {
  std::vector<PastCurve> curves;
  if (policy.rule == "none") return curves;
  SQLite::Statement row(database,
                        "SELECT p.step, p.value FROM stage s JOIN point p ON p.stage = s.id JOIN metric m ON m.id = p.metric "
                        "WHERE s.key = ? AND m.name = ? AND m.axis = 'step' ORDER BY p.step");
  for (const auto& stage : plan.stages) {
    if (stage.kind != policy.stage) continue;
    PastCurve curve{stage.key, {}};
    row.reset();
    row.bind(1, stage.key);
    row.bind(2, policy.metric);
    while (row.executeStep())
      curve.values[row.getColumn(0).getInt64()] =
          row.isColumnNull(1) ? std::numeric_limits<double>::quiet_NaN() : row.getColumn(1).getDouble();
    if (!curve.values.empty()) curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<MeasuredStage> measured_stages(SQLite::Database& database) {
  SQLite::Statement row(database,
                        "SELECT s.kind, s.key, s.parts, (SELECT sum(r.seconds) FROM run r WHERE r.stage = s.id), "
                        "(SELECT sum(r.cpu_seconds) FROM run r WHERE r.stage = s.id), "
                        "(SELECT coalesce(sum(a.bytes), 0) FROM artifact a WHERE a.stage = s.id AND a.run = s.published) FROM stage s "
                        "WHERE s.kind = ? AND s.published IS NOT NULL "
                        "ORDER BY s.id DESC LIMIT 300");
  std::vector<MeasuredStage> found;
  for (const char* kind : {"data", "tokenizer", "tokens", "prior", "samples", "evaluation"}) {
    row.reset();
    row.bind(1, kind);
    while (row.executeStep()) {
      auto parts = try_parse_json(row.getColumn(2).getString());
      if (parts && parts->is_object() && !row.isColumnNull(3))
        found.push_back({kind, row.getColumn(1).getString(), std::move(*parts), row.getColumn(3).getDouble(), row.getColumn(4).getDouble(),
                         row.getColumn(5).getInt64()});
    }
  }
  return found;
}

std::optional<StageCost> estimate_cost(const Plan& plan, const PlannedStage& stage, const std::vector<MeasuredStage>& measured) {
  const auto& cell = plan.cells[stage.cell];
  std::optional<StageCost> best;
  for (const auto& one : measured) {
    const auto count = differences(stage, cell, one);
    if (!count || (best && *count >= best->differences)) continue;
    const double ratio = relative_work(stage, cell, one) * (*count > 0 ? relative_size(plan, stage, one) : 1);
    best = StageCost{one.seconds * ratio, one.cpu_seconds * ratio, one.key, *count};
  }
  return best;
}

}  // namespace tessera
