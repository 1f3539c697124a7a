// What planning verbs share: the host program, and through the catalog what it declares and answers. No plugin is opened
// here; with warm caches no process is started.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/verb.hpp"
#include "experiment/plan/plan.hpp"
#include "registry/catalog/catalog.hpp"

namespace tessera {

// The catalog's settings for a command line. $TESSERA_HOST names another host program than the one beside this program.
// Throws Error(bad_plugin) where there is none.
CatalogSettings catalog_settings(const CommonOptions& options);

class Workbench {
 public:
  // `devices`: of the machines that will compute; empty: those of this one.
  explicit Workbench(const CommonOptions& options, const std::vector<std::string>& devices = {});
  const std::filesystem::path& host() const { return settings_.host; }
  const Declarations& declarations() const { return declarations_; }
  Checker checker() const;

 private:
  CatalogSettings settings_;
  Declarations declarations_;
};

// The words of run and plan, FILE [key=value …], and the options that are short for some of them: -j N for run.jobs=N, --seeds N for
// seeds=N, --stall-limit S for run.stall_limit=S.
class ExperimentWords {
 public:
  // Adds its options; before line.parse().
  explicit ExperimentWords(CommandLine& line);
  // After it. Throws Error(bad_config) with every problem of the file and the words.
  Experiment read() const;

 private:
  CommandLine& line_;
  std::string jobs_, seeds_, stall_limit_;
};

// FILE as given, or experiments/FILE.toml, or experiments/FILE/experiment.toml, here or among those that were installed.
std::optional<std::filesystem::path> named_experiment(const std::string& word);
// The same; throws Error(bad_config) where there is none.
std::filesystem::path find_experiment(const std::string& word);

}  // namespace tessera
