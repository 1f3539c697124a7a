// A comparison as JSON: everything that the text says and what it leaves out.
#include <cmath>
#include <set>

#include "experiment/compare/comparison.hpp"
#include "experiment/compare/frontier.hpp"

namespace tessera {
namespace {

Json interval_json(double mean, double half_width) { return {encode_number(mean - half_width), encode_number(mean + half_width)}; }

Json estimate_json(const Estimate& e) {
  Json json = {{"n", e.n}, {"n_nan", e.n_nan}, {"mean", encode_number(e.mean)}};
  if (e.deviation) json["sd"] = encode_number(*e.deviation);
  if (e.half_width) json["interval95"] = interval_json(e.mean, *e.half_width);
  return json;
}

Json paired_json(const PairedDifference& paired, const std::optional<double>& p_holm, int64_t comparisons) {
  Json json = estimate_json(paired.estimate);
  json["least_p"] = paired.least_p;
  if (paired.p) json["p"] = *paired.p;
  if (p_holm) json["p_holm"] = *p_holm, json["comparisons"] = comparisons;
  if (paired.detectable) json["detectable"] = encode_number(*paired.detectable);
  if (const auto missing = pairs_missing(paired, comparisons); missing && std::isfinite(*missing))
    json["pairs_missing"] = static_cast<int64_t>(*missing);
  else if (missing)
    json["pairs_missing"] = "inf";
  return json;
}

Json unpaired_json(const UnpairedSeeds& seeds) {
  return {{"same_stage", seeds.shared}, {"row_only", seeds.row_only}, {"baseline_only", seeds.base_only}};
}

// Over all metrics of a row.
UnpairedSeeds union_of_unpaired(const ComparedRow& row) {
  UnpairedSeeds all;
  const auto join = [&](std::vector<int64_t> UnpairedSeeds::*list) {
    std::set<int64_t> seeds;
    for (const auto& value : row.values)
      if (value) seeds.insert((value->unpaired.*list).begin(), (value->unpaired.*list).end());
    (all.*list).assign(seeds.begin(), seeds.end());
  };
  join(&UnpairedSeeds::shared);
  join(&UnpairedSeeds::row_only);
  join(&UnpairedSeeds::base_only);
  return all;
}

Json row_json(const ComparedPart& part, const ComparedRow& row) {
  Json values = Json::object();
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    if (!row.values[i]) continue;
    const auto& one = *row.values[i];
    Json value = estimate_json(one.estimate);
    if (one.difference) value["difference"] = encode_number(*one.difference);
    if (!one.nan_seeds.empty()) value["nan_seeds"] = one.nan_seeds;
    if (!one.infinite_seeds.empty()) value["infinite_seeds"] = one.infinite_seeds;
    if (part.metrics[i].by_sample) value["samples"] = {one.least_samples, one.most_samples};
    if (one.paired) value["paired"] = paired_json(*one.paired, one.p_holm, one.comparisons);
    if (one.paired && one.coming_pairs > 0) value["paired"]["pairs_coming"] = one.coming_pairs;
    if (!row.from.empty()) value["seeds_unpaired"] = unpaired_json(one.unpaired);
    if (one.over_samples) value["over_samples"] = estimate_json(*one.over_samples);
    values[part.metrics[i].name] = std::move(value);
  }
  Json json = {{"cells", row.cells}, {"baseline", row.baseline}, {"stages", row.stages}, {"values", std::move(values)}};
  if (row.pooled) json["pooled"] = true;
  if (row.censored > 0) json["censored"] = row.censored;
  if (!row.missing_seeds.empty()) json["seeds_missing"] = row.missing_seeds;
  if (row.from.empty()) return json;
  json["from"] = row.from;
  json["same_stages"] = row.same_slots;
  json["seeds_unpaired"] = unpaired_json(union_of_unpaired(row));
  if (row.unequal_sets) json["unequal_sets"] = true;
  return json;
}

Json samples_json(const ComparedSamples& one) {
  const auto& d = one.difference;
  Json json = {{"part", one.part}, {"metric", one.metric.name}, {"cells", one.cells}, {"from", one.from}, {"same_data", one.same_data}};
  if (!one.same_data) return json;
  json["samples"] = d.samples, json["samples_left_out"] = d.left_out;
  json["these_models"] = estimate_json(d.these_models);
  json["other_trainings"] = paired_json(d.other_trainings, std::nullopt, 1);
  if (d.both_half_width) json["both"] = {{"interval95", interval_json(d.these_models.mean, *d.both_half_width)}};
  return json;
}

Json part_json(const ComparedPart& part) {
  Json metrics = Json::array(), rows = Json::array(), calibration = Json::array();
  for (const auto& m : part.metrics)
    metrics.push_back({{"name", m.name},
                       {"goal", m.goal},
                       {"unit", m.unit},
                       {"revision", m.revision},
                       {"timing", m.timing},
                       {"by_sample", m.by_sample},
                       {"cost", m.cost},
                       {"definition", m.definition}});
  for (const auto& row : part.rows) rows.push_back(row_json(part, row));
  for (const auto& row : part.calibration) calibration.push_back(row_json(part, row));
  Json json = {{"name", part.name}, {"metrics", std::move(metrics)}, {"rows", std::move(rows)}, {"calibration", std::move(calibration)}};
  if (part.unequal_sets) json["unequal_sets"] = true;
  return json;
}

Json more_seeds_json(const MoreSeeds& more) {
  Json json = {{"reach", more.reach},     {"part", more.part},   {"metric", more.metric},
               {"cells", more.cells},     {"pairs", more.pairs}, {"comparisons", more.comparisons},
               {"least_p", more.least_p}, {"seeds", more.seeds}};
  if (!more.alike) json["alike"] = false;  // other comparisons have more pairs
  return json;
}

}  // namespace

Json to_json(const Comparison& comparison) {
  Json parts = Json::array(), samples = Json::array();
  for (const auto& part : comparison.parts) parts.push_back(part_json(part));
  Json pinned = Json::array(), frontiers = Json::array();
  for (const auto& one : comparison.frontiers) frontiers.push_back(to_json(one));
  for (const auto& one : comparison.pinned)
    pinned.push_back({{"stage", one.slot}, {"cells", one.cells}, {"one", one.one}, {"everywhere", one.everywhere}});
  for (const auto& one : comparison.samples) samples.push_back(samples_json(one));
  return {{"experiment", comparison.experiment},
          {"question", comparison.question},
          {"baseline", comparison.baseline},
          {"trials", comparison.trials},
          {"trials_done", comparison.trials_done},
          {"parts", std::move(parts)},
          {"sample_differences", std::move(samples)},
          {"sample_scores_unread", comparison.unread_scores},
          {"frontiers", std::move(frontiers)},
          {"controls", to_json(comparison.controls)},
          {"excluded", to_json(comparison.excluded)},
          {"retired_cells", comparison.retired},
          {"retired_trials", comparison.retired_trials},
          {"removed_trials", comparison.removed_trials},
          {"cells_without_baseline", comparison.unmatched},
          {"pinned", std::move(pinned)},
          {"more_seeds", comparison.more_seeds ? more_seeds_json(*comparison.more_seeds) : Json()},
          {"notes", comparison.notes},
          {"cost", part_json(comparison.cost)}};
}

}  // namespace tessera
