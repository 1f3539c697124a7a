// cache gc: lists big files that no current trial needs, and removes them when told to. cache why: what makes a stage run, or reused.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <optional>

#include "cli/ledger/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "cli/workbench.hpp"
#include "core/error.hpp"
#include "experiment/plan/why.hpp"
#include "experiment/trials/garbage.hpp"
#include "experiment/trials/trial_experiment.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr size_t kListed = 20;

std::string bytes_text(int64_t bytes) {
  const char* units[] = {"bytes", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= 1000 && unit + 1 < std::size(units); ++unit) size /= 1000;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", size, units[unit]);
}

std::string what(const Garbage& one) {
  std::vector<std::string> parts;
  if (one.outputs > 0) parts.push_back(fmt::format("{} output{}", one.outputs, one.outputs == 1 ? "" : "s"));
  if (one.checkpoints > 0) parts.push_back(fmt::format("{} checkpoint{}", one.checkpoints, one.checkpoints == 1 ? "" : "s"));
  return fmt::format("{}", fmt::join(parts, ", "));
}

int collect(SQLite::Database& database, const CommonOptions& common, const GarbageRequest& request, bool yes,
            const std::vector<std::string>& argv) {
  refuse_while_running(database, common.results);
  const auto garbage = find_garbage(database, common.results, request);
  int64_t bytes = 0, files = 0;
  for (const auto& one : garbage) bytes += one.bytes, files += static_cast<int64_t>(one.files.size());
  if (yes && files > 0) bytes = remove_garbage(common.results, argv, garbage);
  if (common.json) {
    Json list = Json::array();
    for (const auto& one : garbage)
      list.push_back({{"stage", one.name()},
                      {"current", one.current},
                      {"outputs", one.outputs},
                      {"checkpoints", one.checkpoints},
                      {"bytes", one.bytes}});
    print_json({{"removed", yes}, {"files", files}, {"bytes", bytes}, {"stages", std::move(list)}});
    return 0;
  }
  if (garbage.empty()) {
    fmt::print("Nothing to remove: every big file belongs to a current trial\n");
    return 0;
  }
  TextTable table({{"stage"}, {"size", true}, {"what"}, {"why"}});
  for (size_t i = 0; i < std::min(garbage.size(), kListed); ++i) {
    const auto& one = garbage[i];
    table.add(
        {one.name(), bytes_text(one.bytes), what(one), one.current ? "published: nothing reads them" : "no current trial names the stage"});
  }
  fmt::print("{}", table.text());
  if (garbage.size() > kListed) fmt::print("… and {} more stages (--json lists all)\n", garbage.size() - kListed);
  fmt::print("{} {} file{} of {} stage{}, {}. stage.json, journals and logs stay\n", yes ? "Removed" : "Would remove", files,
             files == 1 ? "" : "s", garbage.size(), garbage.size() == 1 ? "" : "s", bytes_text(bytes));
  if (!yes) fmt::print("Nothing was removed: add --yes\n");
  return 0;
}

void print_why(const Why& one) {
  fmt::print("{}: {}{}\n", one.title, one.state, one.reason.empty() ? "" : ", " + one.reason);
  // What follows from inputs alone needs no list; --json has it.
  const bool follows =
      !one.reason.empty() && std::all_of(one.differences.begin(), one.differences.end(), [](const auto& d) { return d.is_input; });
  if (one.differences.empty() || follows) return;
  fmt::print("  against the nearest that is there, {}:\n", one.nearest);
  for (const auto& difference : one.differences) fmt::print("    {}\n", text_of(difference));
}

void print_whys(const std::vector<Why>& all, const Plan& plan) {
  size_t shown = 0, other = 0;
  for (const auto& one : all) {
    if (one.state == "reused") continue;
    if (++shown <= kListed)
      print_why(one);
    else
      ++other;
  }
  if (other > 0) fmt::print("… and {} more stages (--json lists all)\n", other);
  fmt::print("{} of {} stages reused: stage.json of their key is there\n", plan.count(StageState::reused), all.size());
}

int why_planned(const CommonOptions& common, const Experiment& experiment) {
  Workbench bench(common);
  const auto plan = make_plan(experiment, bench.declarations(), bench.checker(), common.results);
  if (!plan.problems.empty()) throw Error(plan.problem_code, problems_text(plan));
  auto database = open_ledger(common);
  const auto all = with_ledger_errors(ledger_file(common.results), [&] { return why(database, common.results, plan); });
  if (common.json) {
    Json list = Json::array();
    for (const auto& one : all) list.push_back(to_json(one));
    print_json(list);
  } else {
    print_whys(all, plan);
  }
  return 0;
}

int why_verb(const CommonOptions& common, const std::string& word, const std::vector<std::string>& changes) {
  namespace fs = std::filesystem;
  if (fs::path(word).extension() == ".toml" || named_experiment(word))
    return why_planned(common, read_experiment(find_experiment(word), changes));
  auto database = open_ledger(common);
  return with_ledger_errors(ledger_file(common.results), [&] {
    const auto subject = find_subject(database, "cache why", word, {Subject::trial, Subject::stage});
    if (subject.kind == Subject::trial) return why_planned(common, trial_experiment(common.results, subject.name, changes, ""));
    if (!changes.empty())
      throw Error(ExitCode::bad_config,
                  fmt::format("cache why: found '{}' behind a stage, expected a file or a trial before key=value", changes[0]));
    const auto one = why(database, common.results, subject);
    if (common.json)
      print_json(to_json(one));
    else
      print_why(one);
    return 0;
  });
}

}  // namespace

int verb_cache(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool yes = false;
  GarbageRequest request;
  std::optional<double> days;
  namespace po = boost::program_options;
  line.options().add_options()("keep-tagged", po::bool_switch(&request.keep_tagged),
                               "gc: nothing of tagged stages, nor of those of tagged trials, cells and experiments.")(
      "older-than", po::value<double>()->notifier([&](double value) { days = value; })->value_name("DAYS"),
      "gc: only stages that nobody has worked on for so long.")("yes", po::bool_switch(&yes),
                                                                "gc: remove; without, only what would go is listed.");
  if (!line.parse(arguments, 1)) return 0;
  const auto& words = line.words();
  if (words[0] == "why" && words.size() > 1) return why_verb(line.common(), words[1], {words.begin() + 2, words.end()});
  if (words[0] == "why") throw Error(ExitCode::bad_config, "Usage: tessera cache why TRIAL | STAGE | FILE [key=value …]");
  if (words[0] != "gc") throw Error(ExitCode::bad_config, fmt::format("cache: found '{}', expected why or gc", words[0]));
  if (words.size() > 1) throw Error(ExitCode::bad_config, fmt::format("cache gc: found '{}', expected no further word", words[1]));
  if (days && !(*days >= 0))
    throw Error(ExitCode::bad_config, fmt::format("--older-than: found {}, expected a number of days, 0 or more", *days));
  request.older_than_days = days;
  std::vector<std::string> argv = {verb.name};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto database = open_ledger(line.common());
  return with_ledger_errors(ledger_file(line.common().results), [&] { return collect(database, line.common(), request, yes, argv); });
}

}  // namespace tessera
