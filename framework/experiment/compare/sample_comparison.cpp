#include "experiment/compare/sample_comparison.hpp"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <map>
#include <set>

namespace tessera {
namespace {

class ScoreReader {
 public:
  ScoreReader(SQLite::Database& database, const Evidence& evidence, const ComparedMetric& metric)
      : evidence_(evidence), scores_(database, "SELECT step, value FROM point WHERE stage = ? AND metric = ? ORDER BY step"),
        data_(database, "SELECT input FROM stage_input WHERE stage = ? AND slot = 'data'") {
    for (const auto& [id, one] : evidence.metrics)
      if (one.name == metric.name && one.revision == metric.revision) ids_.push_back(id);
  }

  const SampleValues& read(int64_t stage) {
    const auto [found, is_new] = read_.try_emplace(stage);
    if (!is_new) return found->second;
    scores_.reset();
    scores_.bind(1, stage);
    scores_.bind(2, value(stage).metric);
    while (scores_.executeStep())
      found->second.emplace_back(scores_.getColumn(0).getInt64(), scores_.isColumnNull(1) ? kNoNumber : scores_.getColumn(1).getDouble());
    return found->second;
  }
  int64_t count(int64_t stage) const { return value(stage).n; }
  // The stage whose images it was scored on; 0 where none is on record.
  int64_t data(int64_t stage) {
    data_.reset();
    data_.bind(1, stage);
    return data_.executeStep() ? data_.getColumn(0).getInt64() : 0;
  }

 private:
  EvidenceValue value(int64_t stage) const {
    for (const auto& value : evidence_.stages.at(stage).values)
      if (std::find(ids_.begin(), ids_.end(), value.metric) != ids_.end()) return value;
    return {};
  }

  const Evidence& evidence_;
  std::vector<int64_t> ids_;  // of the metric: one for each kind of stage that has it
  SQLite::Statement scores_, data_;
  std::map<int64_t, SampleValues> read_;
};

// Every pair's differences, those of one cluster as their mean.
std::vector<SampleValues> differences_of(const Pairing& pairing, ScoreReader& reader) {
  std::vector<SampleValues> clusters;
  for (const auto& cluster : pairing.clusters) {
    std::vector<SampleValues> pairs;
    for (const auto& pair : cluster) pairs.push_back(subtract(reader.read(pair.stage), reader.read(pair.base_stage)));
    clusters.push_back(mean_by_sample(pairs));
  }
  return clusters;
}

bool on_the_same_data(const Pairing& pairing, ScoreReader& reader) {
  for (const auto& cluster : pairing.clusters)
    for (const auto& pair : cluster)
      if (reader.data(pair.stage) != reader.data(pair.base_stage)) return false;
  return true;
}

int64_t scores_needed(const std::vector<const SamplePairing*>& pairings, ScoreReader& reader) {
  std::vector<int64_t> stages;
  for (const auto* one : pairings)
    for (const auto& cluster : one->pairing.clusters)
      for (const auto& pair : cluster) stages.insert(stages.end(), {pair.stage, pair.base_stage});
  std::sort(stages.begin(), stages.end());
  stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
  int64_t count = 0;
  for (const int64_t stage : stages) count += reader.count(stage);
  return count;
}

Estimate over_samples(const Scores& scores, ScoreReader& reader) {
  std::set<int64_t> stages;
  std::vector<SampleValues> all;
  for (const auto& one : scores)
    if (stages.insert(one.stage).second) all.push_back(reader.read(one.stage));
  std::vector<double> values;
  for (const auto& [index, value] : mean_by_sample(all)) values.push_back(value);
  return estimate(values);
}

}  // namespace

void compare_samples(SQLite::Database& database, const Evidence& evidence, const std::vector<std::string>& names,
                     const PartBuilder& builder, ComparedPart& part, Comparison& comparison) {
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    const auto& metric = part.metrics[i];
    const bool named = std::find(names.begin(), names.end(), metric.name) != names.end();
    if (!metric.by_sample || !(named || (names.empty() && metric.goal != "none"))) continue;
    std::vector<const SamplePairing*> pairings;
    for (const auto& one : builder.sample_pairings())
      if (one.metric == i) pairings.push_back(&one);
    ScoreReader reader(database, evidence, metric);
    if (!named) {
      const int64_t needed = scores_needed(pairings, reader);
      if (comparison.read_scores + needed > kMostScoresUnasked) {
        comparison.unread_scores += needed;
        continue;
      }
      comparison.read_scores += needed;
    }
    for (const auto* one : pairings) {
      auto& row = part.rows[one->row];
      if (named && row.values[i]) row.values[i]->over_samples = over_samples(one->scores, reader);
      if (one->pairing.clusters.empty()) continue;
      ComparedSamples found{part.name, metric, row.cells, row.from, {}, on_the_same_data(one->pairing, reader)};
      if (found.same_data) found.difference = sample_difference(differences_of(one->pairing, reader));
      comparison.samples.push_back(std::move(found));
    }
  }
}

}  // namespace tessera
