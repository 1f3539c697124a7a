#include "experiment/plan/stage_key.hpp"

#include <algorithm>
#include <functional>

#include "core/hash.hpp"

namespace tessera {
namespace {

constexpr const char* kViews = "data.views";

std::string section_of(const std::string& key) { return key.substr(0, key.rfind('.')); }

// What enters a key for a value: a file counts by its content.
Json key_value(const Setting& setting) {
  if (setting.schema->type == "file" && !setting.value.get_ref<const std::string&>().empty())
    return sha256_file(setting.value.get<std::string>());
  return setting.value;
}

// Code: the revision that a plugin declares, or its file's hash.
Json plugin_code(const PluginManifest& plugin) {
  Json code = {{"id", plugin.id}};
  if (plugin.revision > 0)
    code["revision"] = plugin.revision;
  else
    code["sha256"] = plugin.sha256;
  return code;
}

class TrialKeys {
 public:
  TrialKeys(const Cell& cell, int64_t seed, const std::string& fingerprint, const Declarations& declarations)
      : cell_(cell), seed_(seed), fingerprint_(fingerprint), declarations_(declarations), numerics_(numerics_class(cell)) {}

  std::vector<TrialStage> all() {
    data();
    tokenizer();
    tokens();
    prior();
    const auto requests = cell_.value("sampling.requests").get<std::vector<std::string>>();
    for (const auto& request : requests) samples(request);
    evaluation("tokenizer", "tokenizer", "");
    evaluation("calibration", "tokens", "");
    evaluation("prior", "prior", "");
    for (const auto& request : requests) evaluation("samples", "samples." + request, request);
    return std::move(stages_);
  }

 private:
  using Choice = std::function<bool(const std::string& key, const Setting&)>;

  Json options(const Choice& matters) const {
    Json chosen = Json::object();
    for (const auto& [key, setting] : cell_.settings)
      if (setting.schema && !is_seed_of_a_stage(setting) && !setting.at_default() && matters(key, setting))
        chosen[key] = key_value(setting);
    return chosen;
  }

  // It stands in the key by itself; a plugin's own option of that name is an option.
  static bool is_seed_of_a_stage(const Setting& setting) { return setting.owner == "engine" && setting.schema->name == "seed"; }

  // Architecture and training options of these sections.
  Json trained_options(const std::vector<std::string>& sections) const {
    return options([&](const std::string& key, const Setting& setting) {
      return setting.schema->effect != "inference" && std::find(sections.begin(), sections.end(), section_of(key)) != sections.end();
    });
  }

  int64_t pinned_or_trial(const std::string& section) const {
    const auto pinned = cell_.value(section + ".seed").get<int64_t>();
    return pinned < 0 ? seed_ : pinned;
  }

  const TrialStage& stage(const std::string& slot) const {
    return *std::find_if(stages_.begin(), stages_.end(), [&](const TrialStage& s) { return s.slot == slot; });
  }

  TrialStage begin(const std::string& slot, const std::string& kind, const std::vector<std::string>& inputs) const {
    TrialStage stage;
    stage.slot = slot;
    stage.kind = kind;
    stage.parts = {{"stage", kind}, {"inputs", Json::object()}};
    for (const auto& input : inputs) stage.inputs[input] = this->stage(input).key;
    return stage;
  }

  void finish(TrialStage stage) {
    for (const auto& [slot, key] : stage.inputs) stage.parts["inputs"][slot] = key;
    stage.key = sha256(canonical(stage.parts)).substr(0, 32);
    stages_.push_back(std::move(stage));
  }

  void set_engine_parts(TrialStage& stage) const {
    stage.parts["revision"] = declarations_.revision(stage.kind);
    stage.parts["numerics"] = numerics_;
  }

  void set_seed(TrialStage& stage, const std::string& section) const {
    stage.seed = pinned_or_trial(section);
    stage.parts["seed"] = stage.seed;
  }

  void data() {
    auto stage = begin("data", "data", {});
    stage.parts["revision"] = declarations_.revision("data");
    stage.parts["fingerprint"] = fingerprint_;
    stage.parts["source"] = cell_.value("data.source");
    stage.parts["options"] = options([](const std::string& key, const Setting& setting) {
      return section_of(key) == "data" && setting.schema->effect == "architecture";
    });
    finish(std::move(stage));
  }

  void tokenizer() {
    auto stage = begin("tokenizer", "tokenizer", {"data"});
    set_engine_parts(stage);
    set_seed(stage, "tokenizer");
    stage.parts["options"] =
        trained_options({"tokenizer", "tokenizer.loss", "tokenizer.train", "tokenizer.encoder", "tokenizer.quantizer"});
    // What is done to images in training (random_flip …); views are the tokens' affair.
    stage.parts["options"].update(options([](const std::string& key, const Setting& setting) {
      return section_of(key) == "data" && setting.schema->effect == "training" && key != kViews;
    }));
    stage.parts["plugins"] = {{"encoder", plugin_code(*cell_.plugins.at("encoder"))},
                              {"quantizer", plugin_code(*cell_.plugins.at("quantizer"))}};
    finish(std::move(stage));
  }

  void tokens() {
    auto stage = begin("tokens", "tokens", {"data", "tokenizer"});
    set_engine_parts(stage);
    stage.parts["options"] = options([](const std::string& key, const Setting& setting) {
      return key == kViews || ((setting.owner == "encoder" || setting.owner == "quantizer") && setting.schema->effect == "inference");
    });
    finish(std::move(stage));
  }

  void prior() {
    auto stage = begin("prior", "prior", {"tokens", "tokenizer"});
    set_engine_parts(stage);
    set_seed(stage, "prior");
    stage.parts["options"] = trained_options({"prior", "prior.train"});
    stage.parts["plugins"] = {{"prior", plugin_code(*cell_.plugins.at("prior"))}};
    finish(std::move(stage));
  }

  void samples(const std::string& request) {
    auto stage = begin("samples." + request, "samples", {"prior", "tokens", "tokenizer", "data"});
    stage.request = request;
    set_engine_parts(stage);
    set_seed(stage, "sampling");
    stage.parts["request"] = request;
    stage.parts["options"] = options([](const std::string& key, const Setting& setting) {
      const auto section = section_of(key);
      if (section == "sampling" || section == "sampling.logits") return key != "sampling.requests";
      return setting.owner == "prior" && setting.schema->effect == "inference";
    });
    stage.parts["plugins"] = {{"sampling", plugin_code(*cell_.plugins.at("sampling"))}};
    finish(std::move(stage));
  }

  // Its metrics carry their own revisions: a new metric changes no other stage.
  void evaluation(const std::string& subject, const std::string& subject_slot, const std::string& request) {
    const auto metrics = declarations_.metrics(subject);
    if (metrics.empty()) return;
    const auto& of = stage(subject_slot);
    auto stage = begin("evaluation." + subject + (request.empty() ? "" : "." + request), "evaluation", {"data"});
    stage.subject = subject;
    stage.request = request;
    for (const auto& [slot, key] : of.inputs) stage.inputs[slot] = key;
    stage.inputs[of.kind] = of.key;
    stage.parts["subject"] = subject;
    // Calibration puts as many real images in the place of samples.
    // A tokenizer or prior is asked anew here, with the options of its plugins that act then; samples and tokens have them in their keys.
    stage.parts["options"] = options([&](const std::string& key, const Setting& setting) {
      const bool asked = (subject == "tokenizer" && (setting.owner == "encoder" || setting.owner == "quantizer")) ||
                         (subject == "prior" && setting.owner == "prior");
      return section_of(key) == "evaluate" || (subject == "calibration" && key == "sampling.count") ||
             (asked && setting.schema->effect == "inference");
    });
    Json list = Json::array();
    for (const auto& metric : metrics) list.push_back({{"id", metric.id}, {"revision", metric.revision}});
    std::sort(list.begin(), list.end(), [](const Json& a, const Json& b) { return a.at("id") < b.at("id"); });
    stage.parts["metrics"] = std::move(list);
    finish(std::move(stage));
  }

  const Cell& cell_;
  int64_t seed_;
  const std::string& fingerprint_;
  const Declarations& declarations_;
  Json numerics_;
  std::vector<TrialStage> stages_;
};

}  // namespace

Json numerics_class(const Cell& cell) {
  // What `auto` stands for is the last choice, which is the most that this machine offers.
  const auto resolved = [&](const std::string& key, bool most) {
    const auto& setting = cell.settings.at(key);
    if (setting.value != "auto") return setting.value.get<std::string>();
    return most ? setting.schema->choices.back() : setting.schema->choices.at(1);
  };
  const auto device = resolved("numerics.device", true);
  // On a CPU small networks gain nothing from bf16: only by name.
  return {{"device", device},
          {"precision", resolved("numerics.precision", device != "cpu")},
          {"deterministic", cell.value("numerics.deterministic")}};
}

std::vector<TrialStage> trial_stages(const Cell& cell, int64_t seed, const std::string& data_fingerprint,
                                     const Declarations& declarations) {
  return TrialKeys(cell, seed, data_fingerprint, declarations).all();
}

}  // namespace tessera
