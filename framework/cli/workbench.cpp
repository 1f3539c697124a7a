#include "cli/workbench.hpp"

#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdlib>
#include <tuple>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/text_table.hpp"
#include "registry/catalog/check_runner.hpp"

namespace tessera {
namespace fs = std::filesystem;

CatalogSettings catalog_settings(const CommonOptions& options) {
  CatalogSettings settings;
  settings.plugin_path = options.plugin_path;
  settings.notice = [](const std::string& text) { fmt::print(stderr, "tessera: {}\n", text); };
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

namespace {

// The keys of [run] with their defaults.
std::string run_options_text() {
  TextTable table({{""}, {""}});
  for (const auto& option : run_options())
    table.add({option.name, fmt::format("{} (default: {})", option.doc, to_line(option.default_value))});
  return wrapped("Keys of [run] in the file, or as words such as run.retries=2; they change no stage's key:", terminal_width(), 0) +
         table.text(2);
}

}  // namespace

ExperimentWords::ExperimentWords(CommandLine& line) : line_(line) {
  line.set_epilog(run_options_text());
  namespace po = boost::program_options;
  line.options().add_options()(
      "jobs,j", po::value(&jobs_)->value_name("N"),
      "Short for run.jobs=N: host processes at once (default: 1). They divide the cores; results are the same to the "
      "bit at equal threads a host.")(
      "seeds", po::value(&seeds_)->value_name("N"),
      "Short for seeds=N: as many seeds a cell, of a list in the file the first ones; what is there is reused.")(
      "stall-limit", po::value(&stall_limit_)->value_name("SECONDS"),
      "Short for run.stall_limit=SECONDS: a host that reports nothing for so long is killed (default: 1800; 0 = never).");
}

Experiment ExperimentWords::read() const {
  std::vector<std::string> words;
  const std::vector<std::string> typed(line_.words().begin() + 1, line_.words().end());
  for (const auto& [option, key, value] :
       {std::tuple{"jobs", "run.jobs", jobs_}, {"seeds", "seeds", seeds_}, {"stall-limit", "run.stall_limit", stall_limit_}}) {
    if (value.empty()) continue;
    for (const auto& word : typed)
      if (word.rfind(fmt::format("{}=", key), 0) == 0)
        throw Error(ExitCode::bad_config, fmt::format("command line: found --{} {} and {}, expected one of them", option, value, word));
    words.push_back(fmt::format("{}={}", key, value));
  }
  words.insert(words.end(), typed.begin(), typed.end());
  auto experiment = read_experiment(find_experiment(line_.words()[0]), words);
  for (const auto& note : experiment.notes) fmt::print(stderr, "tessera: note: {}\n", note);
  return experiment;
}

std::optional<fs::path> named_experiment(const std::string& word) {
  if (fs::is_regular_file(word)) return word;
  // Here, then those that were installed.
  for (const auto& folder : {fs::path("experiments"), executable_folder().parent_path() / "share" / "tessera" / "experiments"})
    for (const auto& file : {folder / (word + ".toml"), folder / word / "experiment.toml"})
      if (fs::is_regular_file(file)) return file;
  return std::nullopt;
}

fs::path find_experiment(const std::string& word) {
  if (const auto file = named_experiment(word)) return *file;
  if (fs::path(word).extension() == ".toml")
    throw Error(ExitCode::bad_config, fmt::format("found no file {}, expected an experiment file", word));
  const auto named = fs::path("experiments") / (word + ".toml");
  throw Error(ExitCode::bad_config, fmt::format("found no file {}, expected an experiment file ({} is none either)", word, named.string()));
}

}  // namespace tessera
