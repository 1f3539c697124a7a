#include "experiment/plan/why.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/option_schema.hpp"
#include "core/stage_folder.hpp"

namespace tessera {
namespace {

struct KnownStage {
  std::string kind, key, state, error;
  Json parts;
  bool hollow = false;
};

class KnownStages {
 public:
  explicit KnownStages(SQLite::Database& database) : database_(database) {}

  const std::vector<KnownStage>& of_kind(const std::string& kind) {
    const auto found = by_kind_.find(kind);
    if (found != by_kind_.end()) return found->second;
    auto& stages = by_kind_[kind];
    SQLite::Statement row(database_,
                          "SELECT v.stage, v.state, coalesce(v.error, ''), v.hollow, s.parts FROM v_stage v JOIN stage s ON s.id = v.id "
                          "WHERE v.kind = ? AND s.parts IS NOT NULL ORDER BY v.stage");
    row.bind(1, kind);
    while (row.executeStep()) {
      const auto parts = try_parse_json(row.getColumn(4).getString());
      if (parts && parts->is_object())
        stages.push_back({kind, row.getColumn(0).getString(), row.getColumn(1).getString(), row.getColumn(2).getString(), *parts,
                          row.getColumn(3).getInt() != 0});
    }
    return stages;
  }

  const KnownStage* find(const std::string& kind, const std::string& key) {
    const auto& stages = of_kind(kind);
    const auto found = std::find_if(stages.begin(), stages.end(), [&](const KnownStage& one) { return one.key == key; });
    return found == stages.end() ? nullptr : &*found;
  }

  // Sets nearest and differences. Stages that answer another question (request, subject) are not compared.
  void compare(const std::string& kind, const std::string& key, const Json& parts, Why& result) {
    const auto same_question = [&](const Json& other) {
      for (const char* name : {"subject", "request"})
        if (other.value(name, Json()) != parts.value(name, Json())) return false;
      return true;
    };
    // With other plugins a stage is further away than with any other options or code.
    using Distance = std::pair<int64_t, size_t>;
    std::optional<Distance> least;
    const KnownStage* nearest = nullptr;
    for (const auto& one : of_kind(kind)) {
      if (one.key == key || one.state != "done" || !same_question(one.parts)) continue;
      auto differences = key_differences(one.parts, parts);
      const Distance distance = {std::count_if(differences.begin(), differences.end(), [](const auto& x) { return x.is_plugin; }),
                                 differences.size()};
      if (least && distance >= *least) continue;
      least = distance, nearest = &one;
      result.differences = std::move(differences);
    }
    if (!nearest) return;
    result.nearest = kind + "-" + nearest->key;
    for (auto& one : result.differences)
      if (one.is_option && !one.there) one.there = option(nearest->key, one.what);
  }

  // An option's value, default or not, in a cell whose trial names the stage.
  std::optional<Json> option(const std::string& stage, const std::string& key) {
    SQLite::Statement row(
        database_,
        "SELECT o.value FROM stage s JOIN trial_stage x ON x.stage = s.id JOIN trial t ON t.id = x.trial JOIN option o ON "
        "o.cell = t.cell AND o.key = ?2 WHERE s.key = ?1 LIMIT 1");
    row.bind(1, stage);
    row.bind(2, key);
    if (!row.executeStep() || row.isColumnNull(0)) return std::nullopt;
    if (row.getColumn(0).isInteger()) return Json(row.getColumn(0).getInt64());
    if (row.getColumn(0).isFloat()) return Json(row.getColumn(0).getDouble());
    return Json(row.getColumn(0).getString());
  }

 private:
  SQLite::Database& database_;
  std::map<std::string, std::vector<KnownStage>> by_kind_;
};

// Inputs that will be other ones are reason enough; where nothing else differs they are the whole.
std::string consequence(const Plan& plan, const PlannedStage& stage, const std::vector<KeyDifference>& differences) {
  std::vector<std::string> fresh;
  for (const auto& [slot, key] : stage.inputs)
    if (plan.stage(key).state != StageState::reused) fresh.push_back(slot);
  const bool only_inputs = std::all_of(differences.begin(), differences.end(), [](const KeyDifference& one) { return one.is_input; });
  return only_inputs && !fresh.empty() ? fmt::format("for its input{} {}", fresh.size() == 1 ? "" : "s", fmt::join(fresh, ", ")) : "";
}

void explain(KnownStages& known, const std::filesystem::path& results, const Plan& plan, const PlannedStage& stage, Why& result) {
  if (stage.state == StageState::stale) {
    result.reason = fmt::format("its input {} was computed anew, with another result", stage.stale_input);
    return;
  }
  const auto* own = known.find(stage.kind, stage.key);
  if (own && own->state == "done") {
    if (StageFolder(results, stage.kind, stage.key).hollow())
      result.reason = "its outputs were removed, and a stage to run reads them";
    else
      result.reason = "its folder is not there any more";
    return;
  }
  if (own && own->state != "waiting") {
    result.reason = fmt::format("its last run is {}{}", own->state, own->error.empty() ? "" : ": " + own->error);
    return;
  }
  known.compare(stage.kind, stage.key, stage.parts, result);
  for (auto& one : result.differences) {
    const auto& settings = plan.cells[stage.cell].settings;
    if (const auto setting = settings.find(one.what); one.is_option && !one.here && setting != settings.end())
      one.here = setting->second.value;
  }
  result.reason = result.nearest.empty() ? fmt::format("no {} stage is there to compare with", stage.kind)
                                         : consequence(plan, stage, result.differences);
}

}  // namespace

std::vector<Why> why(SQLite::Database& database, const std::filesystem::path& results, const Plan& plan) {
  KnownStages known(database);
  std::vector<Why> all;
  for (const auto& stage : plan.stages) {
    const auto users = plan.users(stage);
    Why result;
    result.stage = stage.kind + "-" + stage.key;
    result.title = stage.title() + (users.empty() ? "" : " (" + users + ")");
    result.state = to_string(stage.state);
    if (stage.state != StageState::reused) explain(known, results, plan, stage, result);
    all.push_back(std::move(result));
  }
  return all;
}

Why why(SQLite::Database& database, const std::filesystem::path& results, const Subject& stage) {
  KnownStages known(database);
  Why result;
  result.stage = result.title = stage.name;
  const auto* own = known.find(stage.stage_kind, stage.stage_key);
  if (!own) {
    result.reason = "no front has declared it: only stages that name it as an input are on record";
    return result;
  }
  result.state = own->state;
  if (own->state == "done")
    result.reason = StageFolder(results, own->kind, own->key).hollow() ? "reused by whoever has its key; its outputs were removed, and are "
                                                                         "computed again when a new stage reads them"
                                                                       : "reused by whoever has its key";
  else if (!own->error.empty())
    result.reason = own->error;
  known.compare(own->kind, own->key, own->parts, result);
  for (auto& one : result.differences)
    if (one.is_option && !one.here) one.here = known.option(own->key, one.what);
  return result;
}

Json to_json(const Why& why) {
  Json differences = Json::array();
  for (const auto& one : why.differences)
    differences.push_back({{"what", one.what}, {"there", one.there ? *one.there : Json()}, {"here", one.here ? *one.here : Json()}});
  return {{"stage", why.stage},   {"title", why.title},     {"state", why.state},
          {"reason", why.reason}, {"nearest", why.nearest}, {"differences", std::move(differences)}};
}

std::string text_of(const KeyDifference& difference) {
  const auto side = [&](const std::optional<Json>& value) {
    if (!value) return std::string(difference.is_option ? "its default" : "none");
    const auto text = value->is_string() ? value->get<std::string>() : to_line(*value);
    return shortened(text, difference.is_input || text.size() > 60 ? 12 : 60);
  };
  return fmt::format("{}: {} -> {}", difference.what, side(difference.there), side(difference.here));
}

}  // namespace tessera
