// A comparison as JSON: everything that the text says and what it leaves out.
#include "experiment/comparison.hpp"

namespace tessera {
namespace {

Json paired_json(const PairedDifference& paired, const std::optional<double>& p_holm) {
  const auto& e = paired.estimate;
  Json json = {{"n", e.n}, {"n_nan", e.n_nan}, {"mean", encode_number(e.mean)}, {"least_p", paired.least_p}};
  if (e.deviation) json["sd"] = encode_number(*e.deviation);
  if (e.half_width) json["interval95"] = {encode_number(e.mean - *e.half_width), encode_number(e.mean + *e.half_width)};
  if (paired.p) json["p"] = *paired.p;
  if (p_holm) json["p_holm"] = *p_holm;
  if (paired.detectable) json["detectable"] = encode_number(*paired.detectable);
  return json;
}

Json row_json(const ComparedPart& part, const ComparedRow& row) {
  Json values = Json::object();
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    if (!row.values[i]) continue;
    const auto& [e, difference, paired, p_holm] = *row.values[i];
    Json value = {{"n", e.n}, {"n_nan", e.n_nan}, {"mean", encode_number(e.mean)}};
    if (e.deviation) value["sd"] = encode_number(*e.deviation);
    if (e.half_width) value["interval95"] = {encode_number(e.mean - *e.half_width), encode_number(e.mean + *e.half_width)};
    if (difference) value["difference"] = encode_number(*difference);
    if (paired) value["paired"] = paired_json(*paired, p_holm);
    values[part.metrics[i].name] = std::move(value);
  }
  Json json = {{"cells", row.cells}, {"baseline", row.baseline}, {"stages", row.stages}, {"values", std::move(values)}};
  if (row.from.empty()) return json;
  json["from"] = row.from;
  json["seeds_unpaired"] = {{"same_stage", row.shared_seeds}, {"row_only", row.row_only_seeds}, {"baseline_only", row.base_only_seeds}};
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
                       {"definition", m.definition}});
  for (const auto& row : part.rows) rows.push_back(row_json(part, row));
  for (const auto& row : part.calibration) calibration.push_back(row_json(part, row));
  return {{"name", part.name}, {"metrics", std::move(metrics)}, {"rows", std::move(rows)}, {"calibration", std::move(calibration)}};
}

}  // namespace

Json to_json(const Comparison& comparison) {
  Json parts = Json::array();
  for (const auto& part : comparison.parts) parts.push_back(part_json(part));
  return {{"experiment", comparison.experiment}, {"question", comparison.question},       {"baseline", comparison.baseline},
          {"trials", comparison.trials},         {"trials_done", comparison.trials_done}, {"parts", std::move(parts)},
          {"cost", part_json(comparison.cost)}};
}

}  // namespace tessera
