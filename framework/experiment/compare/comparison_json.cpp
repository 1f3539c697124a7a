// A comparison as JSON: everything that the text says and what it leaves out.
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

Json paired_json(const PairedDifference& paired, const std::optional<double>& p_holm) {
  Json json = estimate_json(paired.estimate);
  json["least_p"] = paired.least_p;
  if (paired.p) json["p"] = *paired.p;
  if (p_holm) json["p_holm"] = *p_holm;
  if (paired.detectable) json["detectable"] = encode_number(*paired.detectable);
  return json;
}

Json row_json(const ComparedPart& part, const ComparedRow& row) {
  Json values = Json::object();
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    if (!row.values[i]) continue;
    const auto& [e, difference, paired, p_holm, nan_seeds, over_samples] = *row.values[i];
    Json value = estimate_json(e);
    if (difference) value["difference"] = encode_number(*difference);
    if (!nan_seeds.empty()) value["nan_seeds"] = nan_seeds;
    if (paired) value["paired"] = paired_json(*paired, p_holm);
    if (over_samples) value["over_samples"] = estimate_json(*over_samples);
    values[part.metrics[i].name] = std::move(value);
  }
  Json json = {{"cells", row.cells}, {"baseline", row.baseline}, {"stages", row.stages}, {"values", std::move(values)}};
  if (!row.missing_seeds.empty()) json["seeds_missing"] = row.missing_seeds;
  if (row.from.empty()) return json;
  json["from"] = row.from;
  json["same_stages"] = row.same_slots;
  json["seeds_unpaired"] = {{"same_stage", row.shared_seeds}, {"row_only", row.row_only_seeds}, {"baseline_only", row.base_only_seeds}};
  return json;
}

Json samples_json(const ComparedSamples& one) {
  const auto& d = one.difference;
  Json json = {{"part", one.part}, {"metric", one.metric.name}, {"cells", one.cells}, {"from", one.from}, {"same_data", one.same_data}};
  if (!one.same_data) return json;
  json["samples"] = d.samples, json["samples_left_out"] = d.left_out;
  json["these_models"] = estimate_json(d.these_models);
  json["other_trainings"] = paired_json(d.other_trainings, std::nullopt);
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
  return {{"name", part.name}, {"metrics", std::move(metrics)}, {"rows", std::move(rows)}, {"calibration", std::move(calibration)}};
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
          {"pinned", std::move(pinned)},
          {"cost", part_json(comparison.cost)}};
}

}  // namespace tessera
