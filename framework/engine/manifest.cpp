#include "engine/manifest.hpp"

#include <torch/torch.h>

#include "data/data_set.hpp"
#include "engine/options.hpp"
#include "engine/precision.hpp"
#include "engine/stages.hpp"
#include "metrics/metric.hpp"

namespace tessera {

namespace {

Json options_json(const OptionTable& table) {
  Json list = Json::array();
  for (size_t i = 0; i < table.size(); ++i) list.push_back(option_json(table.data()[i]));
  return list;
}

template <class... OptionStructs>
Json section() {
  OptionTable table;
  auto add = [&table](auto options) { options.visit(table); };
  (add(OptionStructs{}), ...);
  return options_json(table);
}

}  // namespace

Json option_json(const tessera_option& option) {
  Json json{{"name", option.name}, {"type", option.type}, {"doc", option.doc}, {"effect", option.effect}};
  json["default"] = Json::parse(option.default_json);
  if (option.has_min) json["min"] = option.min;
  if (option.has_max) json["max"] = option.max;
  for (auto choice = option.choices; choice && *choice; ++choice) json["choices"].push_back(*choice);
  return json;
}

Json engine_manifest() {
  Json manifest{{"type", "engine"}};
  for (const auto& stage : stage_revisions()) manifest["revisions"][stage.kind] = stage.revision;
  manifest["sections"] = {{"data", section<DataOptions>()},
                          {"tokenizer", section<SeedOptions>()},
                          {"tokenizer.loss", section<ReconstructionOptions>()},
                          {"tokenizer.train", section<TrainOptions>()},
                          {"prior", section<SeedOptions>()},
                          {"prior.train", section<TrainOptions>()},
                          {"sampling", section<SeedOptions, SamplingOptions>()},
                          {"sampling.logits", section<LogitsOptions>()},
                          {"evaluate", section<EvaluateOptions>()}};
  for (const auto& source : data_sources())
    manifest["data_sources"][source.id] = {{"summary", source.summary}, {"options", options_json(source.options)}};
  manifest["metrics"] = Json::array();
  for (const auto& metric : metric_declarations())
    manifest["metrics"].push_back({{"id", metric.id},
                                   {"revision", metric.revision},
                                   {"subject", metric.subject},
                                   {"axis", metric.axis},
                                   {"goal", metric.goal},
                                   {"unit", metric.unit},
                                   {"timing", metric.timing},
                                   {"definition", metric.definition}});
  manifest["numerics"] = {{"devices", {"cpu"}}, {"precisions", {"fp32"}}};
  bool cuda = torch::cuda::is_available();
  if (cuda) manifest["numerics"]["devices"].push_back("cuda");
  if (computes_bf16_well(at::kCPU) || (cuda && computes_bf16_well(at::kCUDA))) manifest["numerics"]["precisions"].push_back("bf16");
  return manifest;
}

}  // namespace tessera
