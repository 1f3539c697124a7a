#include "experiment/evidence/stage_facts.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>

#include "core/json.hpp"

namespace tessera {
namespace {

// Different at every process, and of no effect.
const std::set<std::string> kVolatile = {"host", "pid"};

std::map<std::string, std::string> flat(const std::string& text) {
  std::map<std::string, std::string> values;
  const auto json = try_parse_json(text);
  if (!json || !json->is_object() || json->empty()) return values;  // an empty object is flattened to one leaf without a name
  const Json leaves = json->flatten();
  for (const auto& [key, value] : leaves.items()) {
    if (key.empty()) continue;  // of an empty object
    auto name = key.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    if (!kVolatile.count(name)) values[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return values;
}

const char* const kPluginSlots[] = {"encoder", "quantizer", "prior", "sampling"};

// Older records name all plugins of a trial with each stage: how many of kPluginSlots a kind uses.
int plugins_used(const std::string& kind) {
  if (kind == "data") return 0;
  if (kind == "tokenizer" || kind == "tokens") return 2;
  return kind == "prior" ? 3 : 4;
}

}  // namespace

StageFacts::StageFacts(SQLite::Database& database, const Evidence& evidence) : evidence_(evidence) {
  records_.reserve(evidence.stages.size());
  for (const auto& [id, stage] : evidence.stages)
    if (stage.done) records_.try_emplace(id);
  read_runs(database);
  read_environments(database);
  read_plugins(database);
  read_parts(database);
}

void StageFacts::read_runs(SQLite::Database& database) {
  // In the order of the table, which is read once, and not of the runs: few stages have more than one.
  struct Run {
    int64_t n = 0, environment = 0, from_step = 0;
  };
  std::unordered_map<int64_t, std::vector<Run>> several;
  SQLite::Statement row(database, "SELECT stage, n, cpu_seconds, env, from_step FROM run");
  while (row.executeStep()) {
    const auto found = records_.find(row.getColumn(0).getInt64());
    if (found == records_.end()) continue;
    auto& [stage, record] = *found;
    if (!row.isColumnNull(2)) record.cpu_seconds = (std::isnan(record.cpu_seconds) ? 0 : record.cpu_seconds) + row.getColumn(2).getDouble();
    const Run run{row.getColumn(1).getInt64(), row.getColumn(3).getInt64(), row.getColumn(4).getInt64()};
    const int64_t published_by = evidence_.stages.at(stage).run;
    if (row.isColumnNull(3) || run.n > published_by) continue;
    if (published_by == 1)
      record.environments = {run.environment};
    else
      several[stage].push_back(run);
  }
  for (auto& [stage, runs] : several) {
    std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.n < b.n; });
    auto& environments = records_.at(stage).environments;
    for (const auto& run : runs) {
      if (run.from_step == 0) environments.clear();  // begun anew: nothing of earlier runs is left
      environments.push_back(run.environment);
    }
  }
}

void StageFacts::read_environments(SQLite::Database& database) {
  SQLite::Statement row(database, "SELECT id, content FROM env");
  while (row.executeStep()) environments_[row.getColumn(0).getInt64()] = flat(row.getColumn(1).getString());
}

void StageFacts::read_plugins(SQLite::Database& database) {
  SQLite::Statement plugin(database, "SELECT id, name, coalesce(revision, ''), sha256 FROM plugin");
  while (plugin.executeStep()) {
    const auto revision = plugin.getColumn(2).getString();
    plugins_[plugin.getColumn(0).getInt64()] = {
        plugin.getColumn(1).getString(),
        fmt::format("{}file {:.12}", revision.empty() ? "" : "revision " + revision + " ", plugin.getColumn(3).getString())};
  }
  SQLite::Statement row(database, "SELECT stage, run, slot, plugin FROM stage_plugin");
  while (row.executeStep()) {
    const auto record = records_.find(row.getColumn(0).getInt64());
    if (record == records_.end()) continue;
    const auto& stage = evidence_.stages.at(record->first);
    if (row.getColumn(1).getInt64() != stage.run) continue;
    const auto* slot = std::find(std::begin(kPluginSlots), std::end(kPluginSlots), std::string_view(row.getColumn(2).getText()));
    const int place = static_cast<int>(slot - std::begin(kPluginSlots));
    if (place < plugins_used(stage.kind)) record->second.plugins[static_cast<size_t>(place)] = row.getColumn(3).getInt64();
  }
}

void StageFacts::read_parts(SQLite::Database& database) {
  // Evaluations have none of these in their parts.
  SQLite::Statement row(
      database,
      "SELECT id, coalesce(json_extract(parts, '$.numerics'), ''), coalesce(json_extract(parts, '$.revision'), ''), "
      "coalesce(json_extract(parts, '$.fingerprint'), '') FROM stage WHERE kind <> 'evaluation' AND published IS NOT NULL");
  while (row.executeStep()) {
    const auto record = records_.find(row.getColumn(0).getInt64());
    if (record == records_.end()) continue;
    record->second.numerics = kept(row.getColumn(1).getText());
    record->second.revision = kept(row.getColumn(2).getText());
    record->second.fingerprint = kept(row.getColumn(3).getText());
  }
}

const std::string* StageFacts::kept(std::string_view text) {
  const auto found = texts_.find(text);
  return found != texts_.end() ? &*found : &*texts_.emplace(text).first;
}

void StageFacts::compare(const Environment& a, const Environment& b, const std::string& prefix, Differences& differences) {
  const auto value = [](const Environment& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string() : found->second;
  };
  for (const auto* values : {&a, &b})
    for (const auto& [key, ignored] : *values)
      if (value(a, key) != value(b, key)) differences[prefix + key] = {value(a, key), value(b, key)};
}

const StageFacts::Differences& StageFacts::between_environments(int64_t a, int64_t b) const {
  const auto [found, is_new] = known_.try_emplace({a, b});
  if (is_new) compare(environments_.at(a), environments_.at(b), "", found->second);
  return found->second;
}

StageFacts::Differences StageFacts::differences(int64_t stage, int64_t base) const {
  Differences differences;
  const auto &a = records_.at(stage), &b = records_.at(base);
  if (!a.environments.empty() && !b.environments.empty() && a.environments.back() != b.environments.back())
    differences = between_environments(a.environments.back(), b.environments.back());
  static const std::string kNone;
  const auto text = [](const std::string* kept) -> const std::string& { return kept ? *kept : kNone; };
  if (text(a.numerics) != text(b.numerics)) compare(flat(text(a.numerics)), flat(text(b.numerics)), "numerics.", differences);
  if (text(a.revision) != text(b.revision)) differences["engine revision"] = {text(a.revision), text(b.revision)};
  if (text(a.fingerprint) != text(b.fingerprint))
    differences["data"] = {text(a.fingerprint).substr(0, 12), text(b.fingerprint).substr(0, 12)};
  // Another plugin is another option; the same plugin of another build is not.
  for (size_t slot = 0; slot < a.plugins.size(); ++slot) {
    if (a.plugins[slot] == b.plugins[slot] || a.plugins[slot] == 0 || b.plugins[slot] == 0) continue;
    const auto &one = plugins_.at(a.plugins[slot]), &other = plugins_.at(b.plugins[slot]);
    if (one.name == other.name && one.code != other.code) differences["plugin " + one.name] = {one.code, other.code};
  }
  const int64_t steps = evidence_.stages.at(stage).steps, base_steps = evidence_.stages.at(base).steps;
  if (steps != base_steps) differences["steps"] = {std::to_string(steps), std::to_string(base_steps)};
  return differences;
}

std::string StageFacts::environment(int64_t stage) const {
  const auto record = records_.find(stage);
  if (record == records_.end() || record->second.environments.empty()) return "";
  std::string text;
  for (const auto& [key, value] : environments_.at(record->second.environments.back())) text += key + "=" + value + "\n";
  return text;
}

StageFacts::Differences StageFacts::changes_within(int64_t stage) const {
  Differences changes;
  const auto record = records_.find(stage);
  if (record == records_.end()) return changes;
  const auto& chain = record->second.environments;
  for (size_t i = 1; i < chain.size(); ++i)
    if (chain[i] != chain[i - 1]) compare(environments_.at(chain[i]), environments_.at(chain[i - 1]), "", changes);
  return changes;
}

}  // namespace tessera
