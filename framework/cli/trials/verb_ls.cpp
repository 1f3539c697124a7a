// ls: the trials that there are, with their state and the numbers that say how they went; a filter picks some. Alone: experiments.
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "cli/ledger/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "experiment/compare/comparison.hpp"
#include "experiment/trials/marks.hpp"
#include "experiment/trials/trial_columns.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr size_t kColumnsOnTerminal = 4;

Table experiments(SQLite::Database& database) {
  return query(
      database,
      "SELECT e.name AS experiment, count(t.id) AS trials, coalesce(sum(t.state = 'done'), 0) AS done, coalesce(sum(t.state = 'failed'), "
      "0) "
      "AS failed, count(DISTINCT t.cell_hash) AS cells, datetime((SELECT started FROM front WHERE id = e.front), 'unixepoch') AS last_run, "
      "e.question AS question FROM experiment e LEFT JOIN v_trial t ON t.experiment = e.name AND t.current WHERE EXISTS (SELECT 1 FROM "
      "cell c WHERE c.experiment = e.id AND NOT c.removed) GROUP BY e.id ORDER BY e.name");
}

struct Trial {
  int64_t id = 0, seed = 0, stages = 0, stages_done = 0;
  std::string experiment, name, cell, state;
  bool current = false, removed = false;
  double cpu_seconds = 0;
  std::map<std::string, double> values;  // "part metric" → value
};

std::vector<Trial> trials_of(SQLite::Database& database, const std::string& experiment, bool retired) {
  SQLite::Statement row(database,
                        "SELECT t.id, t.trial, t.cell, t.seed, t.state, t.stages, t.stages_done, t.current, coalesce(t.cpu_seconds, 0), "
                        "t.removed FROM v_trial t JOIN v_cell c ON c.id = t.cell_id WHERE t.experiment = ?1 AND (t.current OR ?2) "
                        "ORDER BY t.current DESC, c.position, t.seed");
  row.bind(1, experiment);
  row.bind(2, static_cast<int>(retired));
  std::vector<Trial> trials;
  while (row.executeStep()) {
    Trial trial;
    trial.experiment = experiment, trial.id = row.getColumn(0).getInt64(), trial.name = row.getColumn(1).getString(),
    trial.cell = row.getColumn(2).getString();
    trial.seed = row.getColumn(3).getInt64(), trial.state = row.getColumn(4).getString(), trial.stages = row.getColumn(5).getInt64();
    trial.stages_done = row.getColumn(6).getInt64(), trial.current = row.getColumn(7).getInt() != 0;
    trial.cpu_seconds = row.getColumn(8).getDouble(), trial.removed = row.getColumn(9).getInt() != 0;
    trials.push_back(std::move(trial));
  }
  return trials;
}

// The first metric with a goal of each evaluated part says how a trial went; all of them stand in --json and in compare.
std::vector<std::string> add_values(SQLite::Database& database, const std::string& experiment, std::vector<Trial>& trials) {
  std::unordered_map<int64_t, Trial*> by_id;
  for (auto& trial : trials) by_id[trial.id] = &trial;
  SQLite::Statement row(
      database,
      "SELECT trial_id, slot, metric, value FROM v_score WHERE experiment = ? AND done AND axis = 'step' AND goal <> 'none' AND "
      "NOT timing AND slot LIKE 'evaluation.%' AND slot <> 'evaluation.calibration'");
  row.bind(1, experiment);
  std::vector<std::string> order;
  std::set<std::string> seen, parts;
  while (row.executeStep()) {
    const auto found = by_id.find(row.getColumn(0).getInt64());
    if (found == by_id.end() || row.isColumnNull(3)) continue;
    const std::string part = row.getColumn(1).getString().substr(std::string("evaluation.").size());
    const std::string name = part + " " + row.getColumn(2).getString();
    found->second->values[name] = row.getColumn(3).getDouble();
    if (seen.insert(name).second && parts.insert(part).second) order.push_back(name);
  }
  return order;
}

std::vector<TrialFacts> facts_of(const std::vector<Trial>& trials) {
  std::vector<TrialFacts> facts;
  for (const auto& t : trials) facts.push_back({t.id, t.experiment, t.cell, t.seed, t.state});
  return facts;
}

// The numbers to show: name and, by trial, value.
struct Numbers {
  std::string title;
  std::map<int64_t, double> of_trial;
};

Numbers numbers_of(const TrialColumn& column, const std::vector<TrialFacts>& trials) {
  Numbers numbers{column.title, {}};
  for (const auto& trial : trials)
    if (const auto value = column.number(trial)) numbers.of_trial[trial.id] = *value;
  return numbers;
}

// Best first where the metric has a goal, else ascending; trials without the number last.
void sort_by(std::vector<Trial>& trials, const Numbers& numbers, bool descending) {
  const auto key = [&](const Trial& trial) {
    const auto found = numbers.of_trial.find(trial.id);
    if (found == numbers.of_trial.end() || std::isnan(found->second)) return std::make_pair(1, 0.0);
    return std::make_pair(0, descending ? -found->second : found->second);
  };
  std::stable_sort(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) { return key(a) < key(b); });
}

// Leaves those of which a stage was begun last, the newest first.
void keep_last(SQLite::Database& database, std::vector<Trial>& trials, size_t count) {
  std::map<int64_t, double> began;
  SQLite::Statement row(database, "SELECT x.trial, max(r.started) FROM trial_stage x JOIN run r ON r.stage = x.stage GROUP BY x.trial");
  while (row.executeStep()) began[row.getColumn(0).getInt64()] = row.getColumn(1).getDouble();
  std::stable_sort(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) { return began[a.id] > began[b.id]; });
  trials.resize(std::min(trials.size(), count));
}

// Trial → its tags.
using Tags = std::map<int64_t, std::vector<std::string>>;

void print_trials(const std::vector<Trial>& trials, const std::vector<std::string>& metrics, const std::vector<Numbers>& asked,
                  const Tags& tags) {
  const bool any_tags = std::any_of(trials.begin(), trials.end(), [&](const Trial& trial) { return tags.count(trial.id) > 0; });
  std::vector<TextColumn> columns = {{"trial"}, {"state"}, {"stages", true}, {"cpu time", true}};
  if (any_tags) columns.push_back({"tags"});
  for (const auto& numbers : asked) columns.push_back({numbers.title, true});
  std::vector<std::string> usual;
  for (const auto& metric : metrics)
    if (usual.size() + asked.size() < kColumnsOnTerminal &&
        std::none_of(asked.begin(), asked.end(), [&](const Numbers& numbers) { return numbers.title == metric; }))
      usual.push_back(metric);
  for (const auto& metric : usual) columns.push_back({metric, true});
  TextTable table(std::move(columns));
  for (const auto& trial : trials) {
    std::vector<std::string> cells = {trial.name, trial.current ? trial.state : trial.state + (trial.removed ? ", removed" : ", retired"),
                                      fmt::format("{}/{}", trial.stages_done, trial.stages), format_duration(trial.cpu_seconds)};
    if (any_tags) {
      const auto own = tags.find(trial.id);
      cells.push_back(own == tags.end() ? "" : fmt::format("{}", fmt::join(own->second, ", ")));
    }
    const auto add = [&](const auto& values, const auto& key) {
      const auto value = values.find(key);
      cells.push_back(value == values.end() ? "" : format_number(value->second));
    };
    for (const auto& numbers : asked) add(numbers.of_trial, trial.id);
    for (const auto& metric : usual) add(trial.values, metric);
    table.add(std::move(cells));
  }
  fmt::print("{}", table.text());
}

Json trials_json(const std::vector<Trial>& trials, const std::vector<Numbers>& asked, const Tags& tags) {
  Json list = Json::array();
  for (const auto& t : trials) {
    Json values = Json::object();
    for (const auto& [name, value] : t.values) values[name] = encode_number(value);
    for (const auto& numbers : asked)
      if (const auto value = numbers.of_trial.find(t.id); value != numbers.of_trial.end())
        values[numbers.title] = encode_number(value->second);
    list.push_back({{"trial", t.name},
                    {"experiment", t.experiment},
                    {"cell", t.cell},
                    {"seed", t.seed},
                    {"state", t.state},
                    {"current", t.current},
                    {"removed", t.removed},
                    {"tags", tags.count(t.id) ? tags.at(t.id) : std::vector<std::string>()},
                    {"stages", t.stages},
                    {"stages_done", t.stages_done},
                    {"cpu_seconds", t.cpu_seconds},
                    {"values", std::move(values)}});
  }
  return list;
}

// What the words and options of the command line ask for.
struct ListRequest {
  std::string experiment, filter, sort;  // empty: all, none, the order of the file
  std::optional<int64_t> last;
  bool retired = false, reverse = false;
};

// "quickstart", "quickstart prior=maskgit and seed=0" in one word or in several, or a filter alone.
void read_words(const std::vector<std::string>& words, ListRequest& request) {
  size_t first = 0;
  const auto is_filter = [](const std::string& word) { return word == "not" || word.find_first_of("=<>~()!\"' ") != std::string::npos; };
  if (!words.empty() && !is_filter(words[0]) && (words.size() == 1 || words[1].empty() || !std::strchr("=<>~!", words[1][0])))
    request.experiment = words[first++];
  for (size_t i = first; i < words.size(); ++i) request.filter += (i > first ? " " : "") + words[i];
}

std::vector<std::string> experiment_names(SQLite::Database& database) {
  std::vector<std::string> names;
  SQLite::Statement row(database, "SELECT name FROM experiment ORDER BY name");
  while (row.executeStep()) names.push_back(row.getColumn(0).getString());
  return names;
}

int list(SQLite::Database& database, const ListRequest& request, const CommonOptions& common) {
  std::optional<std::string> experiment;
  if (!request.experiment.empty()) experiment = find_ledger_experiment(database, request.experiment);
  std::vector<Trial> trials;
  for (const auto& name : experiment ? std::vector<std::string>{*experiment} : experiment_names(database)) {
    auto more = trials_of(database, name, request.retired);
    std::move(more.begin(), more.end(), std::back_inserter(trials));
  }
  TrialColumns columns(database, experiment);
  std::vector<Numbers> asked;
  if (!request.filter.empty()) {
    const auto facts = facts_of(trials);
    std::vector<TrialColumn> metrics;
    std::vector<Trial> kept;
    for (size_t i : select_trials(TrialFilter(request.filter), columns, facts, metrics)) kept.push_back(std::move(trials[i]));
    trials = std::move(kept);
    for (const auto& metric : metrics) asked.push_back(numbers_of(metric, facts));
  }
  if (request.last) keep_last(database, trials, static_cast<size_t>(*request.last));
  if (!request.sort.empty()) {
    const auto column = columns.column(request.sort, [](const std::string& what) { throw Error(ExitCode::bad_config, "--sort: " + what); });
    const auto numbers = numbers_of(column, facts_of(trials));
    sort_by(trials, numbers, (column.goal == "max") != request.reverse);
    if (std::none_of(asked.begin(), asked.end(), [&](const Numbers& one) { return one.title == numbers.title; })) asked.push_back(numbers);
  }
  std::vector<std::string> usual;
  if (experiment) usual = add_values(database, *experiment, trials);
  const auto tags = tags_of_trials(database);
  if (common.json)
    print_json(trials_json(trials, asked, tags));
  else if (trials.empty())
    fmt::print("{}\n", !request.filter.empty() ? "No trial for which the filter holds"
                       : experiment            ? "No current trial: ls --retired lists those that were"
                                               : "No trial yet");
  else
    print_trials(trials, usual, asked, tags);
  return 0;
}

}  // namespace

int verb_ls(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  ListRequest request;
  line.options().add_options()("retired", po::bool_switch(&request.retired),
                               "Trials of older versions of the file too, and removed ones; of all experiments, where none is named.")(
      "sort", po::value(&request.sort)->value_name("METRIC"),
      "Best first where the metric has a goal, else the least; an option's key or seed will do too.")(
      "reverse", po::bool_switch(&request.reverse), "The other way round.")(
      "last", po::value<int64_t>()->notifier([&](int64_t n) { request.last = n; })->value_name("N"),
      "The N trials that were begun last, newest first.");
  if (!line.parse(arguments)) return 0;
  if (request.last && *request.last < 1)
    throw Error(ExitCode::bad_config, fmt::format("--last: found {}, expected a number of at least 1", *request.last));
  read_words(line.words(), request);
  auto database = open_ledger(line.common());
  return with_ledger_errors(ledger_file(line.common().results), [&] {
    const bool trials = !line.words().empty() || !request.sort.empty() || request.last || request.retired;
    if (trials) return list(database, request, line.common());
    const Table table = experiments(database);
    if (line.common().json)
      print_json(to_json(table));
    else
      fmt::print("{}", !table.rows.empty()                  ? to_text(table)
                       : experiment_names(database).empty() ? "No experiments yet: tessera run experiments/quickstart.toml\n"
                                                            : "All trials were removed: ls --retired lists them\n");
    return 0;
  });
}

}  // namespace tessera
