#include "experiment/describe/run_policy.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "experiment/describe/experiment_file.hpp"

namespace tessera {
namespace {

// An option with the member that takes its value.
struct Binding {
  OptionSchema schema;
  std::function<void(RunPolicy&, const Json&)> set;
};

OptionSchema number(const char* name, const char* type, Json standard, double min, double max, const char* doc) {
  return {name, type, doc, std::move(standard), "run", min, max, {}};
}

OptionSchema choice(const char* name, std::vector<std::string> choices, const char* doc) {
  const Json standard = choices.front();
  return {name, "choice", doc, standard, "run", {}, {}, std::move(choices)};
}

std::vector<Binding> make_bindings() {
  const RunPolicy standard;
  constexpr double kLong = 1e9;
  const auto of = [](auto member) {
    return [member](RunPolicy& policy, const Json& value) { member(policy) = value.get<std::decay_t<decltype(member(policy))>>(); };
  };
#define TESSERA_MEMBER(path) of([](RunPolicy & p) -> auto& { return p.path; })
  return {
      {number("jobs", "int", standard.jobs, 1, 256, "Host processes at once; they divide the cores. With several GPUs each takes one."),
       TESSERA_MEMBER(jobs)},
      {choice("on_error", {"continue", "stop"},
              "After a failed stage: continue with all that does not depend on it, or stop: hosts write a checkpoint and end."),
       TESSERA_MEMBER(on_error)},
      {number("retries", "int", standard.retries, 0, 100, "Further attempts at a stage whose host failed; they go on from its checkpoint."),
       TESSERA_MEMBER(retries)},
      {number("time_limit", "float", standard.time_limit, 0, kLong,
              "Seconds that one attempt at a stage may take; then it writes a checkpoint and counts as failed. 0 = none."),
       TESSERA_MEMBER(time_limit)},
      {number("memory_limit", "int", standard.memory_limit, 0, kLong, "MiB of private memory that a host may take. 0 = none."),
       TESSERA_MEMBER(memory_limit)},
      {number("stall_limit", "float", standard.stall_limit, 0, kLong,
              "Seconds after which a host that reports nothing is killed. 0 = none."),
       TESSERA_MEMBER(stall_limit)},
      {choice("prune", {"none", "median", "asha"},
              "Stop trainings that fall behind: median (the median of the others at the same step, as Optuna's MedianPruner) or asha, "
              "asynchronous successive halving "
              "(arXiv:1810.05934). What is stopped keeps its checkpoint and counts as censored."),
       TESSERA_MEMBER(prune.rule)},
      {choice("prune_stage", {"prior", "tokenizer"},
              "The trainings that are pruned. Compared are those of one plugin on one kind of tokens."),
       TESSERA_MEMBER(prune.stage)},
      {OptionSchema{"prune_metric",
                    "string",
                    "The scalar of their journals by which they are compared; least is best.",
                    standard.prune.metric,
                    "run",
                    {},
                    {},
                    {}},
       TESSERA_MEMBER(prune.metric)},
      {number("prune_after", "int", standard.prune.first_step, 0, kLong,
              "No training is stopped before this step. For asha the first rung; 0: 1."),
       TESSERA_MEMBER(prune.first_step)},
      {number("prune_startup", "int", standard.prune.startup, 1, 10000,
              "median: trainings that must be complete before the first is stopped."),
       TESSERA_MEMBER(prune.startup)},
      {number("prune_factor", "int", standard.prune.factor, 2, 100,
              "asha: one in so many goes on at each rung; rungs are this factor apart."),
       TESSERA_MEMBER(prune.factor)},
  };
#undef TESSERA_MEMBER
}

const std::vector<Binding>& bindings() {
  static const auto list = make_bindings();
  return list;
}

}  // namespace

const std::vector<OptionSchema>& run_options() {
  static const auto options = [] {
    std::vector<OptionSchema> list;
    for (const auto& one : bindings()) list.push_back(one.schema);
    return list;
  }();
  return options;
}

RunPolicy read_run_policy(const std::vector<Entry>& entries, Problems& problems) {
  RunPolicy policy;
  for (const auto& entry : entries) {
    if (entry.value.is_object()) continue;
    const auto name = tail(entry.key);
    const Binding* found = nullptr;
    std::vector<std::string> names;
    for (const auto& one : bindings()) {
      names.push_back(one.schema.name);
      if (one.schema.name == name) found = &one;
    }
    if (!found) {
      const auto near = did_you_mean(name, names);
      problems.add(entry.key_origin, entry.key,
                   fmt::format("found an unknown option of [run], expected one of {}{}", fmt::join(names, ", "),
                               near ? fmt::format("; did you mean \"run.{}\"?", *near) : ""));
    } else if (const auto wrong = found->schema.check(entry.value)) {
      problems.add(entry.origin, entry.key, *wrong);
    } else {
      found->set(policy, found->schema.normalised(entry.value));
    }
  }
  return policy;
}

}  // namespace tessera
