// retry: the newest run of an experiment once more, with the words and from the folder that it had; with more seeds, if asked.
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>

#include "cli/ledger/ledger_access.hpp"
#include "cli/run/closing.hpp"
#include "cli/run/slurm_run.hpp"
#include "cli/workbench.hpp"
#include "core/error.hpp"
#include "core/journal.hpp"
#include "experiment/compare/comparison.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

struct FormerRun {
  std::vector<std::string> words;  // behind "tessera run"
  fs::path folder;                 // in which they were typed
};

FormerRun find_former_run(const CommonOptions& common, const std::string& word) {
  auto database = open_ledger(common);
  return with_ledger_errors(ledger_file(common.results), [&] {
    const auto experiment = find_ledger_experiment(database, word);
    SQLite::Statement row(
        database, "SELECT j.path FROM experiment e JOIN front f ON f.id = e.front JOIN journal j ON j.id = f.journal WHERE e.name = ?");
    row.bind(1, experiment);
    if (!row.executeStep())
      throw Error(ExitCode::bad_config,
                  fmt::format("retry: {} was not run from a file, expected an experiment that `tessera run` ran", experiment));
    const auto begin = JournalReader(common.results / row.getColumn(0).getString()).next();
    const auto argv = begin ? begin->value("argv", Json::array()) : Json::array();
    if (argv.empty() || argv[0] != "run")
      throw Error(ExitCode::bad_config, fmt::format("retry: {} was not run by `tessera run`: run it again as before", experiment));
    FormerRun former{{argv.begin() + 1, argv.end()}, begin->at("env").value("folder", fs::current_path().string())};
    return former;
  });
}

// Takes out "--seeds 3" and "--seeds=3", however often; the values.
std::vector<std::string> take_option(std::vector<std::string>& words, const std::string& name) {
  std::vector<std::string> kept, values;
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i] == name && i + 1 < words.size())
      values.push_back(words[++i]);
    else if (words[i].rfind(name + "=", 0) == 0)
      values.push_back(words[i].substr(name.size() + 1));
    else
      kept.push_back(words[i]);
  words = std::move(kept);
  return values;
}

// All that was said of seeds, as words at the end: first what --seeds said, then what retries added. Of numbers the last one counts: it
// lengthens or shortens the list of the file, or one that was said as a word.
void gather_seeds(std::vector<std::string>& words, const std::string& more) {
  const std::string key = "seeds=";
  std::vector<std::string> said;
  for (const auto& value : take_option(words, "--seeds")) said.push_back(key + value);
  const auto kept = std::stable_partition(words.begin(), words.end(), [&](const std::string& word) { return word.rfind(key, 0) != 0; });
  said.insert(said.end(), kept, words.end());
  words.erase(kept, words.end());
  words.insert(words.end(), said.begin(), said.end());
  if (!more.empty()) words.push_back(key + more);
  const auto is_number = [&](const std::string& word) {
    return word.rfind(key, 0) == 0 && word.find_first_not_of("0123456789", key.size()) == std::string::npos;
  };
  while (words.size() > 1 && is_number(words.back()) && is_number(words[words.size() - 2])) words.erase(words.end() - 2);
}

}  // namespace

int verb_retry(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool failed = false;
  line.options().add_options()(
      "failed", boost::program_options::bool_switch(&failed),
      "Only stages whose last attempt failed, and what depends on them; not what was never begun or was interrupted.");
  std::string seeds;
  line.options().add_options()("seeds", boost::program_options::value(&seeds)->value_name("N"),
                               "N seeds a cell: those it has, and others to make N of them. What is there is reused.");
  if (!line.parse(arguments, 1, 1)) return 0;
  auto former = find_former_run(line.common(), line.words()[0]);
  CommonOptions common = line.common();
  common.results = fs::absolute(common.results);
  for (auto& folder : common.plugin_path) folder = fs::absolute(folder);
  std::error_code error;
  fs::current_path(former.folder, error);
  if (error)
    throw Error(ExitCode::bad_config,
                fmt::format("retry: {}: {}; it is where the run was started", former.folder.string(), error.message()));

  gather_seeds(former.words, seeds);
  const Verb run{"run", "FILE [key=value …]", "", nullptr};
  if (!common.plugin_path.empty()) take_option(former.words, "--plugin-path");  // its folder may not be there any more
  CommandLine former_line(run);
  ExperimentWords words(former_line);
  SlurmRequest slurm;
  add_slurm_options(former_line.options(), slurm);
  if (!former_line.parse(former.words, 1)) return 0;
  check_slurm_request(slurm);
  RunRequest request{former_line.common(), {"run"}, false, {}, failed, slurm.wanted ? &slurm.options : nullptr};
  request.common.results = common.results;
  request.common.json = common.json;
  if (!common.plugin_path.empty()) request.common.plugin_path = common.plugin_path;
  for (auto& folder : request.common.plugin_path) folder = fs::absolute(folder);  // for who pastes what is printed, from elsewhere
  if (failed) judge_slurm_stages(common.results, {"retry"});
  request.argv.insert(request.argv.end(), former.words.begin(), former.words.end());
  return run_experiment(words.read(), request);
}

}  // namespace tessera
