// What an experiment file may set: the engine's sections, data sources and plugins, as their manifests declare them. Nothing
// here knows an option by name but the selectors, the seeds and the numerics, which belong to the front itself.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/option_schema.hpp"

namespace tessera {

// A key whose value decides which further options its section has.
struct Selector {
  const char* key;      // "prior.plugin"
  const char* section;  // "prior"
  const char* kind;     // "prior"; data sources count as a kind
  const char* noun;     // "prior plugin", for error texts
};
const std::vector<Selector>& selectors();

struct PluginManifest {
  std::string kind, id, file, sha256, version, summary, paper;
  int64_t revision = 0;  // 0: not declared, the file's hash stands in
  std::vector<OptionSchema> options;

  const OptionSchema* option(const std::string& name) const;
};

struct MetricManifest {
  std::string id, subject;
  int64_t revision = 0;
};

class Declarations {
 public:
  // The engine manifest of `tessera-host --engine`, and the lines of `tessera-host --probe`, refused ones included.
  Declarations(const Json& engine, const std::vector<Json>& probed);

  // Options that a section has whatever is selected; empty for an unknown section.
  const std::vector<OptionSchema>& section(const std::string& name) const;
  const OptionSchema* section_option(const std::string& section, const std::string& name) const;
  bool has_section(const std::string& name) const;
  std::vector<std::string> section_names() const;
  // Kinds: those of selectors().
  const PluginManifest* plugin(const std::string& kind, const std::string& id) const;
  std::vector<std::string> ids(const std::string& kind) const;
  // What is selected where a file says nothing; empty where it must say.
  std::string default_selection(const Selector& selector) const;
  // Why a library of that name was refused; empty when none was.
  std::string refusal(const std::string& id) const;
  // Of an engine stage; 0 where the manifest names none.
  int64_t revision(const std::string& stage_kind) const;
  // In the manifest's order.
  std::vector<MetricManifest> metrics(const std::string& subject) const;

 private:
  void add_front_options(const Json& engine);
  // The first of its options whose name the plugin's section uses itself (prior.seed, sampling.count, sampling.logits); "" for none.
  std::string taken_name(const PluginManifest& plugin) const;

  std::map<std::string, std::vector<OptionSchema>> sections_;
  std::map<std::string, std::map<std::string, PluginManifest>> plugins_;
  std::map<std::string, std::string> refused_;
  std::map<std::string, std::string> default_selections_;  // by selector key
  std::map<std::string, int64_t> revisions_;
  std::vector<MetricManifest> metrics_;
};

}  // namespace tessera
