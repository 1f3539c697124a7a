// What plugins exist. The front never opens one: it reads manifests that a child of tessera-host printed, cached by file hash.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "core/option_schema.hpp"
#include "registry/catalog/search_path.hpp"

namespace tessera {

struct CatalogPlugin {
  std::string kind, id;  // kind: encoder | quantizer | prior | sampling
  std::filesystem::path file;
  std::string sha256, version, summary, paper;
  int64_t interface_revision = 0;
  int64_t revision = 0;  // of its numerics; 0 = not declared
  std::vector<OptionSchema> options;
  Json manifest;  // the whole line of the probe
};

struct RefusedPlugin {
  std::filesystem::path file;
  std::string reason;  // one sentence
};

class Catalog {
 public:
  // Scans the search path and probes what the cache does not know.
  explicit Catalog(const CatalogSettings& settings);

  const std::vector<CatalogPlugin>& plugins() const { return plugins_; }  // by kind (in pipeline order), then id
  const std::vector<RefusedPlugin>& refused() const { return refused_; }  // in the order of the search path
  // Null where there is none.
  const CatalogPlugin* find(const std::string& kind, const std::string& id) const;
  // All of it as probe lines, {"type":"plugin"…} and {"type":"refused"…}.
  std::vector<Json> lines() const;

 private:
  void add(const PluginFile& file, const Json& line);

  std::vector<CatalogPlugin> plugins_;
  std::vector<RefusedPlugin> refused_;
};

// Kinds in pipeline order and the folders their libraries lie in.
struct PluginKind {
  const char* name;
  const char* folder;
};
inline constexpr PluginKind kPluginKinds[] = {
    {"encoder", "encoders"}, {"quantizer", "quantizers"}, {"prior", "priors"}, {"sampling", "sampling"}};

// The engine manifest, cached by the host's hash. Throws Error(run_failed) where the host does not start.
Json engine_manifest_of(const CatalogSettings& settings);

}  // namespace tessera
