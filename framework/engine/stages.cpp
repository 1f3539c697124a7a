#include "engine/stages.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "data/data_set.hpp"
#include "engine/precision.hpp"

namespace tessera {

namespace {

struct StageKind {
  const char* kind;
  int64_t revision;
  void (*compute)(StageRun&, PluginFactory&);
};

// The one list of stage kinds. Evaluations have no revision of their own: each metric has one.
constexpr StageKind kStages[] = {{"data", kDataRevision, compute_data}, {"tokenizer", 2, compute_tokenizer},
                                 {"tokens", 1, compute_tokens},         {"prior", 2, compute_prior},
                                 {"samples", 2, compute_samples},       {"evaluation", 0, compute_evaluation}};

}  // namespace

const std::vector<StageRevision>& stage_revisions() {
  static const std::vector<StageRevision> revisions = [] {
    std::vector<StageRevision> list;
    for (const auto& stage : kStages)
      if (stage.revision > 0) list.push_back({stage.kind, stage.revision});
    return list;
  }();
  return revisions;
}

void compute_stage(StageRun& run, PluginFactory& plugins) {
  if (run.precision() == "bf16" && !computes_bf16_well(run.device().type()))
    throw Error(ExitCode::bad_config, fmt::format("numerics.precision: found bf16, expected fp32: this machine's {} has no bf16 to gain by",
                                                  c10::DeviceTypeName(run.device().type(), true)));
  for (const auto& stage : kStages) {
    if (run.kind() != stage.kind) continue;
    stage.compute(run, plugins);
    run.publish();
    return;
  }
  throw Error(ExitCode::bad_config, fmt::format("stage kind '{}' is not known", run.kind()));
}

}  // namespace tessera
