#include "experiment/plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/stage_folder.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

Json plugins_of(const Cell& cell) {
  Json plugins = Json::object();
  for (const auto& [kind, plugin] : cell.plugins)
    if (kind != "data_source")
      plugins[kind] = {{"id", plugin->id}, {"file", plugin->file}, {"sha256", plugin->sha256}, {"revision", plugin->revision}};
  return plugins;
}

const std::vector<std::string> kAllPlugins = {"encoder", "quantizer", "prior", "sampling"};

// The kinds of plugins that a stage's host loads.
std::vector<std::string> loaded_plugins(const PlannedStage& stage) {
  const auto& what = stage.kind == "evaluation" ? stage.subject : stage.kind;
  if (what == "data") return {};
  if (what == "tokenizer" || what == "tokens" || what == "calibration") return {"encoder", "quantizer"};
  if (what == "prior") return {"encoder", "quantizer", "prior"};
  return kAllPlugins;
}

std::string plugin_ids(const Cell& cell, const std::vector<std::string>& kinds) {
  std::vector<std::string> ids;
  for (const auto& kind : kinds)
    if (const auto plugin = cell.plugins.find(kind); plugin != cell.plugins.end()) ids.push_back(plugin->second->id);
  return ids.empty() ? "no plugins" : fmt::format("plugins {}", fmt::join(ids, ", "));
}

// "data.size=33 (q.toml:7:11)"
std::string placed(const std::string& key, const Setting& setting) {
  return fmt::format("{}={} ({})", key, to_line(setting.value), setting.origin);
}

// The settings that set a refused cell apart from the sound cell that it resembles most.
std::vector<std::string> set_apart(const Plan& plan, const Cell& cell) {
  using Given = std::pair<const std::string, Setting>;
  std::vector<const Given*> given;
  for (const auto& one : cell.settings)
    if (one.second.origin != "default") given.push_back(&one);
  std::optional<std::vector<const Given*>> least;
  for (size_t i = 0; i < plan.cells.size(); ++i) {
    if (!plan.answers[i].value("ok", false)) continue;
    std::vector<const Given*> different;
    for (const auto* one : given) {
      const auto other = plan.cells[i].settings.find(one->first);
      if (other == plan.cells[i].settings.end() || other->second.value != one->second.value) different.push_back(one);
      if (least && different.size() >= least->size()) break;
    }
    if (!least || different.size() < least->size()) least = std::move(different);
  }
  std::vector<std::string> places;
  if (least)
    for (const auto* one : *least) places.push_back(placed(one->first, one->second));
  return places;
}

// What the file says for all cells in the section of a key that it does not give.
std::vector<std::string> said_beside(const Plan& plan, const Cell& cell, const std::string& key) {
  const auto section = key.substr(0, key.find('.') + 1);
  std::vector<std::string> said;
  for (const auto& [name, setting] : cell.settings) {
    const auto everywhere = [&name = name, &setting = setting](const Cell& other) {
      const auto found = other.settings.find(name);
      return !other.sound() ||
             (found != other.settings.end() && found->second.origin == setting.origin && found->second.value == setting.value);
    };
    if (name.rfind(section, 0) == 0 && setting.origin != "default" && std::all_of(plan.cells.begin(), plan.cells.end(), everywhere))
      said.push_back(placed(name, setting));
  }
  return said;
}

// Where to look when the place of the key itself does not tell: it is a default, or all cells have it.
std::string where_else(const Plan& plan, const Cell& cell, const std::string& key) {
  constexpr size_t kMost = 4;
  const bool is_default = cell.settings.count(key) == 0 || cell.settings.at(key).origin == "default";
  auto places = set_apart(plan, cell);
  const bool told = std::any_of(places.begin(), places.end(), [&](const std::string& one) { return one.rfind(key + "=", 0) == 0; });
  if (told) return "";
  const bool apart = !places.empty();
  if (!apart && is_default) places = said_beside(plan, cell, key);
  if (places.empty()) return "";
  if (places.size() > kMost) places.resize(kMost), places.emplace_back("…");
  return fmt::format("; {} {}", apart ? "in cells with" : "given:", fmt::join(places, ", "));
}

// "experiments/q.toml:9:1: sampling.plugin: found …, expected … (prior.plugin: experiments/q.toml:5:1)"
void add_refusal(const Plan& plan, const Cell& cell, const Json& error, bool blamed, bool explained, Problems& problems) {
  const auto& source = plan.source;
  const auto key = error.value("key", "");
  const auto place = [&](const std::string& name) {
    const auto found = cell.settings.find(name);
    if (found == cell.settings.end()) return source;
    return found->second.origin == "default" ? source + " (default)" : found->second.origin;
  };
  auto text = error.at("text").get<std::string>();
  if (const auto other = error.value("other", ""); !other.empty()) text += fmt::format(" ({}: {})", other, place(other));
  if (key.empty())
    problems.add_line(
        fmt::format("{}: cell '{}': {}{}", source, cell.label, text, blamed ? "" : fmt::format(" ({})", plugin_ids(cell, kAllPlugins))));
  else
    problems.add(place(key), key, explained ? text + where_else(plan, cell, key) : text);
}

// One request for all cells that ask the same; a cell with problems asks nothing.
std::vector<Json> ask(const std::vector<Cell>& cells, const Checker& check) {
  std::vector<Json> requests;
  std::map<std::string, size_t> index;
  constexpr auto kNotAsked = static_cast<size_t>(-1);
  std::vector<size_t> of_cell;
  for (const auto& cell : cells) {
    if (!cell.sound()) {
      of_cell.push_back(kNotAsked);
      continue;
    }
    Json request = {{"settings", cell.nested()}, {"plugins", plugins_of(cell)}};
    const auto [at, fresh] = index.emplace(canonical(request), requests.size());
    if (fresh) requests.push_back(std::move(request));
    of_cell.push_back(at->second);
  }
  const auto answers = requests.empty() ? std::vector<Json>() : check(requests);
  std::vector<Json> result;
  for (size_t c = 0; c < cells.size(); ++c) {
    if (of_cell[c] != kNotAsked) {
      result.push_back(answers.at(of_cell[c]));
      continue;
    }
    Json errors = Json::array();
    for (const auto& problem : cells[c].problems) errors.push_back({{"key", ""}, {"text", problem}});
    result.push_back({{"ok", false}, {"errors", std::move(errors)}});
  }
  return result;
}

// A published stage is stale when an input's outputs are no longer those that it read.
void find_state(PlannedStage& stage, const fs::path& results, std::map<std::string, std::optional<Json>>& published) {
  const auto read = [&](const std::string& kind, const std::string& key) -> const std::optional<Json>& {
    const auto name = kind + "-" + key;
    if (!published.count(name)) published[name] = StageFolder(results, kind, key).published();
    return published.at(name);
  };
  const auto& own = read(stage.kind, stage.key);
  if (!own) return;
  stage.state = StageState::reused;
  const Json recorded = own->value("inputs", Json::object());
  for (const auto& [slot, input] : recorded.items()) {
    const auto& now = read(slot, input.at("key"));
    if (!now) continue;
    for (const auto& [file, hash] : input.at("outputs").items()) {
      const auto& outputs = now->at("outputs");
      if (outputs.contains(file) && outputs.at(file).at("sha256") == hash) continue;
      stage.state = StageState::stale;
      stage.stale_input = slot;
    }
  }
}

// A training that was stopped early stays so while the file prunes, and what needs it with it. Without pruning it goes on.
void find_pruned(Plan& plan, const std::string& kind, const fs::path& results) {
  std::set<std::string> pruned;
  for (auto& stage : plan.stages) {
    if (stage.state != StageState::to_run) continue;
    bool is = std::any_of(stage.inputs.begin(), stage.inputs.end(), [&](const auto& input) { return pruned.count(input.second) != 0; });
    if (!is && stage.kind == kind) {
      const auto runs = StageFolder(results, stage.kind, stage.key).runs();
      is = !runs.empty() && runs.back().state == "pruned";
    }
    if (!is) continue;
    stage.state = StageState::pruned;
    pruned.insert(stage.key);
  }
}

// A validation that comes at the end alone would prune nothing.
void check_pruning(const Experiment& experiment, const std::vector<Cell>& cells, Problems& problems) {
  const auto& prune = experiment.run.prune;
  if (prune.rule == "none" || prune.metric.rfind("validation_", 0) != 0) return;
  const auto key = prune.stage + ".train.validate_every";
  for (const auto& cell : cells)
    if (const auto found = cell.settings.find(key); cell.sound() && found != cell.settings.end() && found->second.value == 0)
      problems.add(
          found->second.origin == "default" ? experiment.source + " (default)" : found->second.origin, key,
          fmt::format("found 0, expected at least 1: run.prune compares {}, which would be measured at the end only", prune.metric));
}

// What a stage to run reads must be there: a published stage without its outputs runs again. Users come after their inputs.
void refill_hollow_inputs(Plan& plan, const fs::path& results) {
  std::set<std::string> read;
  for (auto stage = plan.stages.rbegin(); stage != plan.stages.rend(); ++stage) {
    if (stage->state == StageState::reused && read.count(stage->key) && StageFolder(results, stage->kind, stage->key).hollow())
      stage->state = StageState::to_run;
    if (stage->state == StageState::to_run)
      for (const auto& [slot, key] : stage->inputs) read.insert(key);
  }
}

}  // namespace

const char* to_string(StageState state) {
  switch (state) {
    case StageState::to_run: return "to run";
    case StageState::reused: return "reused";
    case StageState::stale: return "stale";
    case StageState::pruned: return "pruned";
    case StageState::not_asked: return "not asked for";
  }
  return "";
}

const PlannedStage& Plan::stage(const std::string& key) const {
  return *std::find_if(stages.begin(), stages.end(), [&](const PlannedStage& s) { return s.key == key; });
}

std::string Plan::plugins_text(const PlannedStage& stage) const { return plugin_ids(cells.at(stage.cell), loaded_plugins(stage)); }

std::string Plan::comparable(const PlannedStage& stage) const {
  const auto& cell = cells.at(stage.cell);
  std::string text = stage.kind + " " + plugin_ids(cell, loaded_plugins(stage));
  // A tokenizer's loss compares where its weights are equal; a prior's where its tokens are made in the same way.
  const std::vector<std::string> sections =
      stage.kind == "tokenizer" ? std::vector<std::string>{"data.", "tokenizer.loss."} : std::vector<std::string>{"data.", "tokenizer."};
  for (const auto& [key, setting] : cell.settings)
    for (const auto& section : sections)
      if (key.rfind(section, 0) == 0 && key != "tokenizer.seed") text += " " + key + "=" + to_line(setting.value);
  return text;
}

size_t Plan::count(StageState state) const {
  return static_cast<size_t>(std::count_if(stages.begin(), stages.end(), [&](const PlannedStage& s) { return s.state == state; }));
}

PlanCost Plan::cost() const {
  PlanCost total;
  for (const auto& stage : stages) {
    if (stage.state != StageState::to_run || !stage.cost) continue;
    ++total.known;
    total.alike += stage.cost->differences == 0;
    total.seconds += stage.cost->seconds;
    total.cpu_seconds += stage.cost->cpu_seconds;
  }
  return total;
}

Plan make_plan(const Experiment& experiment, const Declarations& declarations, const Checker& check, const fs::path& results) {
  Plan plan{experiment.name, experiment.question, experiment.source, experiment.baseline, experiment.seeds, {}, {}, {}, {}, {}, {}};
  Problems problems;
  plan.cells = expand_cells(experiment, declarations, problems);
  check_pruning(experiment, plan.cells, problems);
  plan.answers = ask(plan.cells, check);
  bool all_blamed = problems.empty();
  constexpr size_t kMostExplained = 100;  // of a large sweep; each is held against all other cells
  size_t refused = 0;
  for (size_t i = 0; i < plan.cells.size(); ++i) {
    if (plan.answers[i].value("ok", false) || !plan.cells[i].sound()) continue;
    const bool blamed = plan.answers[i].value("blamed", false);  // then the text names the plugins
    all_blamed = all_blamed && blamed;
    ++refused;
    for (const auto& error : plan.answers[i].at("errors"))
      add_refusal(plan, plan.cells[i], error, blamed, refused <= kMostExplained, problems);
  }
  plan.problems = problems.lines();
  if (!problems.empty()) plan.problem_code = all_blamed ? ExitCode::bad_plugin : ExitCode::bad_config;

  std::map<std::string, size_t> known;
  for (size_t c = 0; c < plan.cells.size(); ++c) {
    if (!plan.answers[c].value("ok", false)) continue;
    const auto fingerprint = plan.answers[c].at("data").at("fingerprint").get<std::string>();
    for (int64_t seed : plan.seeds) {
      PlannedTrial trial{c, seed, {}};
      for (auto& stage : trial_stages(plan.cells[c], seed, fingerprint, declarations)) {
        trial.stages[stage.slot] = stage.key;
        const auto [at, fresh] = known.emplace(stage.key, plan.stages.size());
        if (fresh)
          plan.stages.push_back({stage.kind,
                                 stage.key,
                                 stage.subject,
                                 stage.request,
                                 std::move(stage.parts),
                                 stage.inputs,
                                 stage.seed,
                                 StageState::to_run,
                                 "",
                                 std::nullopt,
                                 c,
                                 {},
                                 0,
                                 seed});
        auto& planned = plan.stages[at->second];
        ++planned.trials;
        if (planned.cells.empty() || planned.cells.back() != c) planned.cells.push_back(c);
      }
      plan.trials.push_back(std::move(trial));
    }
  }
  std::map<std::string, std::optional<Json>> published;
  for (auto& stage : plan.stages) find_state(stage, results, published);
  if (experiment.run.prune.rule != "none") find_pruned(plan, experiment.run.prune.stage, results);
  refill_hollow_inputs(plan, results);
  return plan;
}

void keep_failed(Plan& plan, const std::set<std::string>& failed) {
  std::set<std::string> asked;
  for (const auto& stage : plan.stages) {
    if (stage.state != StageState::to_run) continue;
    const bool depends =
        std::any_of(stage.inputs.begin(), stage.inputs.end(), [&](const auto& input) { return asked.count(input.second) != 0; });
    if (failed.count(stage.key) != 0 || depends) asked.insert(stage.key);
  }
  // Inputs stand before those that need them.
  for (auto stage = plan.stages.rbegin(); stage != plan.stages.rend(); ++stage)
    if (asked.count(stage->key))
      for (const auto& [slot, key] : stage->inputs) asked.insert(key);
  for (auto& stage : plan.stages)
    if (stage.state == StageState::to_run && !asked.count(stage.key)) stage.state = StageState::not_asked;
}

Json stage_spec(const Plan& plan, const PlannedStage& stage, const fs::path& results, int threads) {
  const auto& cell = plan.cells[stage.cell];
  Json settings = cell.nested();
  settings.erase("numerics");
  Json origins = Json::object();
  for (const auto& [key, setting] : cell.settings)
    if (setting.origin != "default") origins[key] = setting.origin;
  Json plugins = Json::object(), all_plugins = plugins_of(cell);
  for (const auto& kind : loaded_plugins(stage)) plugins[kind] = all_plugins.at(kind);
  Json spec = {{"results", fs::absolute(results).lexically_normal().string()},
               {"kind", stage.kind},
               {"key", stage.key},
               {"parts", stage.parts},
               {"seed", stage.seed},
               {"settings", std::move(settings)},
               {"plugins", std::move(plugins)},
               {"inputs", stage.inputs},
               {"numerics", numerics_class(cell)},
               {"threads", threads},
               {"origins", std::move(origins)}};
  if (!stage.request.empty()) spec["request"] = stage.request;
  if (!stage.subject.empty()) spec["subject"] = stage.subject;
  return spec;
}

Json plan_json(const Plan& plan) {
  Json cells = Json::array(), trials = Json::array(), stages = Json::array(), lapsed = Json::array();
  for (size_t i = 0; i < plan.cells.size(); ++i) {
    const auto& cell = plan.cells[i];
    Json options = Json::array();
    for (const auto& [key, setting] : cell.settings) options.push_back({key, setting.value, setting.origin});
    cells.push_back({{"label", cell.label}, {"hash", cell.hash}, {"axes", cell.axes}, {"options", options}, {"answer", plan.answers[i]}});
    for (const auto& one : cell.lapsed)
      lapsed.push_back({{"cell", one.cell}, {"key", one.key}, {"origin", one.origin}, {"from", one.old_plugin}, {"to", one.new_plugin}});
  }
  for (const auto& trial : plan.trials)
    trials.push_back({{"cell", plan.cells[trial.cell].label}, {"seed", trial.seed}, {"stages", trial.stages}});
  for (const auto& stage : plan.stages) {
    stages.push_back({{"kind", stage.kind},
                      {"key", stage.key},
                      {"title", stage.title()},
                      {"state", to_string(stage.state)},
                      {"inputs", stage.inputs},
                      {"parts", stage.parts},
                      {"trials", stage.trials}});
    if (stage.cost)
      stages.back()["cost"] = {{"seconds", stage.cost->seconds},
                               {"cpu_seconds", stage.cost->cpu_seconds},
                               {"measured", stage.cost->measured},
                               {"differences", stage.cost->differences}};
  }
  const auto cost = plan.cost();
  const Json total = {{"seconds", cost.seconds},
                      {"cpu_seconds", cost.cpu_seconds},
                      {"stages_to_run", plan.count(StageState::to_run)},
                      {"stages_known", cost.known},
                      {"stages_alike", cost.alike}};
  return {{"experiment", plan.experiment},
          {"question", plan.question},
          {"source", plan.source},
          {"baseline", plan.baseline},
          {"seeds", plan.seeds},
          {"cells", cells},
          {"trials", trials},
          {"stages", stages},
          {"cost", cost.known > 0 ? total : Json()},
          {"lapsed", lapsed},
          {"problems", plan.problems}};
}

}  // namespace tessera
