#include "cli/workbench.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "core/error.hpp"
#include "registry/catalog/check_runner.hpp"

namespace tessera {
namespace fs = std::filesystem;

CatalogSettings catalog_settings(const CommonOptions& options) {
  CatalogSettings settings;
  settings.plugin_path = options.plugin_path;
  if (const char* host = std::getenv("TESSERA_HOST"); host && *host) settings.host = host;
  if (!fs::is_regular_file(settings.host))
    throw Error(ExitCode::bad_plugin,
                fmt::format("found no {}, expected the program tessera-host beside tessera; build it, or name it by TESSERA_HOST",
                            settings.host.string()));
  return settings;
}

namespace {

Json engine_with(Json engine, const std::vector<std::string>& devices) {
  if (!devices.empty()) engine["numerics"]["devices"] = devices;
  return engine;
}

}  // namespace

Workbench::Workbench(const CommonOptions& options, const std::vector<std::string>& devices)
    : settings_(catalog_settings(options)), declarations_(engine_with(engine_manifest_of(settings_), devices), Catalog(settings_).lines()) {
}

Checker Workbench::checker() const {
  return [this](const std::vector<Json>& requests) { return CheckRunner(settings_).run(requests); };
}

fs::path find_experiment(const std::string& word) {
  if (fs::is_regular_file(word)) return word;
  if (fs::path(word).extension() == ".toml")
    throw Error(ExitCode::bad_config, fmt::format("found no file {}, expected an experiment file", word));
  auto named = fs::path("experiments") / (word + ".toml");
  if (fs::is_regular_file(named)) return named;
  throw Error(ExitCode::bad_config, fmt::format("found no file {}, expected an experiment file ({} is none either)", word, named.string()));
}

}  // namespace tessera
