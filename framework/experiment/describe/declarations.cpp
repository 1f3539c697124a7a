// The front adds two things of its own to the manifests: a seed that can be pinned for each stage that has one, and the
// numerics class (device, precision, deterministic), whose choices are what the engine says it can do.
#include "experiment/describe/declarations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace tessera {

const std::vector<Selector>& selectors() {
  static const std::vector<Selector> table = {
      {"data.source", "data", "data_source", "data source"},
      {"tokenizer.encoder.plugin", "tokenizer.encoder", "encoder", "encoder plugin"},
      {"tokenizer.quantizer.plugin", "tokenizer.quantizer", "quantizer", "quantizer plugin"},
      {"prior.plugin", "prior", "prior", "prior plugin"},
      {"sampling.plugin", "sampling", "sampling", "sampling plugin"},
  };
  return table;
}

namespace {

std::vector<OptionSchema> parse_options(const Json& options) {
  std::vector<OptionSchema> parsed;
  for (const auto& option : options) parsed.push_back(OptionSchema::from_json(option));
  return parsed;
}

OptionSchema choice(std::string name, std::string doc, const Json& choices) {
  OptionSchema schema{std::move(name), "choice", std::move(doc), "auto", "training", {}, {}, {"auto"}};
  for (const auto& one : choices) schema.choices.push_back(one.get<std::string>());
  return schema;
}

bool is_selector(const std::string& key) {
  return std::any_of(selectors().begin(), selectors().end(), [&](const Selector& s) { return key == s.key; });
}

const OptionSchema* find(const std::vector<OptionSchema>& options, const std::string& name) {
  for (const auto& option : options)
    if (option.name == name) return &option;
  return nullptr;
}

}  // namespace

const OptionSchema* PluginManifest::option(const std::string& name) const { return find(options, name); }

Declarations::Declarations(const Json& engine, const std::vector<Json>& probed) {
  for (const auto& selector : selectors()) sections_[selector.section];
  for (const auto& [name, options] : engine.at("sections").items()) {
    for (auto& option : parse_options(options)) {
      // A selector is no option like the others; what the manifest says of it is its default.
      const auto key = name + "." + option.name;
      if (is_selector(key))
        default_selections_[key] = option.default_value.get<std::string>();
      else
        sections_[name].push_back(std::move(option));
    }
  }
  add_front_options(engine);
  for (const auto& [id, source] : engine.at("data_sources").items()) {
    PluginManifest manifest;
    manifest.kind = "data_source";
    manifest.id = id;
    manifest.summary = source.value("summary", "");
    manifest.options = parse_options(source.at("options"));
    plugins_["data_source"][id] = std::move(manifest);
  }
  for (const auto& line : probed) {
    if (line.value("type", "") == "refused") {
      const auto file = line.at("file").get<std::string>();
      refused_.emplace(std::filesystem::path(file).stem().string(), line.at("reason").get<std::string>());
      continue;
    }
    PluginManifest manifest;
    manifest.kind = line.at("kind");
    manifest.id = line.at("id");
    manifest.file = line.at("file");
    manifest.sha256 = line.at("sha256");
    manifest.version = line.value("version", "");
    manifest.summary = line.value("summary", "");
    manifest.paper = line.value("paper", "");
    manifest.revision = line.value("revision", int64_t{0});
    manifest.options = parse_options(line.at("options"));
    if (const auto taken = taken_name(manifest); !taken.empty())
      refused_.emplace(manifest.id, fmt::format("option {}: found a name that its section has already, expected another", taken));
    else
      plugins_[manifest.kind].emplace(manifest.id, manifest);
  }
  for (const auto& [kind, number] : engine.at("revisions").items()) revisions_[kind] = number;
  for (const auto& metric : engine.at("metrics")) metrics_.push_back({metric.at("id"), metric.at("subject"), metric.at("revision")});
}

std::string Declarations::taken_name(const PluginManifest& plugin) const {
  for (const auto& selector : selectors()) {
    if (plugin.kind != selector.kind) continue;
    for (const auto& option : plugin.options) {
      const auto key = fmt::format("{}.{}", selector.section, option.name);
      if (key == selector.key || has_section(key) || section_option(selector.section, option.name)) return option.name;
    }
  }
  return {};
}

void Declarations::add_front_options(const Json& engine) {
  for (const char* section : {"tokenizer", "prior", "sampling"}) {
    if (section_option(section, "seed")) continue;
    sections_[section].push_back({"seed", "int", "Pins the seed of this stage; -1 = the trial's seed.", -1, "training", -1.0, {}, {}});
  }
  const Json numerics = engine.value("numerics", Json::object());
  sections_["numerics"] = {
      choice("device", "Where stages are computed; auto = the last of the devices that this machine has.",
             numerics.value("devices", Json::array({"cpu"}))),
      choice("precision", "Number format of networks in training; auto = bf16 on a GPU that has it, else fp32.",
             numerics.value("precisions", Json::array({"fp32"}))),
      {"deterministic", "bool", "Only algorithms that give the same bits every time.", true, "training", {}, {}, {}},
  };
}

const std::vector<OptionSchema>& Declarations::section(const std::string& name) const {
  static const std::vector<OptionSchema> none;
  auto found = sections_.find(name);
  return found == sections_.end() ? none : found->second;
}

const OptionSchema* Declarations::section_option(const std::string& section, const std::string& name) const {
  return find(this->section(section), name);
}

bool Declarations::has_section(const std::string& name) const { return sections_.count(name) != 0; }

std::vector<std::string> Declarations::section_names() const {
  std::vector<std::string> names;
  for (const auto& [name, options] : sections_) names.push_back(name);
  return names;
}

const PluginManifest* Declarations::plugin(const std::string& kind, const std::string& id) const {
  auto of_kind = plugins_.find(kind);
  if (of_kind == plugins_.end()) return nullptr;
  auto found = of_kind->second.find(id);
  return found == of_kind->second.end() ? nullptr : &found->second;
}

std::vector<std::string> Declarations::ids(const std::string& kind) const {
  std::vector<std::string> names;
  if (auto of_kind = plugins_.find(kind); of_kind != plugins_.end())
    for (const auto& [id, manifest] : of_kind->second) names.push_back(id);
  return names;
}

std::string Declarations::default_selection(const Selector& selector) const {
  auto found = default_selections_.find(selector.key);
  return found == default_selections_.end() ? std::string() : found->second;
}

std::string Declarations::refusal(const std::string& id) const {
  auto found = refused_.find(id);
  return found == refused_.end() ? std::string() : found->second;
}

int64_t Declarations::revision(const std::string& stage_kind) const {
  auto found = revisions_.find(stage_kind);
  return found == revisions_.end() ? 0 : found->second;
}

std::vector<MetricManifest> Declarations::metrics(const std::string& subject) const {
  std::vector<MetricManifest> chosen;
  for (const auto& metric : metrics_)
    if (metric.subject == subject) chosen.push_back(metric);
  return chosen;
}

}  // namespace tessera
