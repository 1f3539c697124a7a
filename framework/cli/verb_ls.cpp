// ls: the trials that there are, with their state and the numbers that say how they went. Alone: experiments.
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <map>
#include <set>

#include "cli/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "experiment/comparison.hpp"
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
      "e.question AS question FROM experiment e LEFT JOIN v_trial t ON t.experiment = e.name AND t.current GROUP BY e.id ORDER BY e.name");
}

struct Trial {
  int64_t id = 0, seed = 0, stages = 0, stages_done = 0;
  std::string name, cell, cell_hash, state;
  bool current = false;
  double cpu_seconds = 0;
  std::map<std::string, double> values;  // "part metric" → value
};

std::vector<Trial> trials_of(SQLite::Database& database, const std::string& experiment, bool retired) {
  SQLite::Statement row(
      database,
      "SELECT t.id, t.trial, t.cell, t.seed, t.state, t.stages, t.stages_done, t.current, coalesce(t.cpu_seconds, 0), t.cell_hash FROM "
      "v_trial t "
      "JOIN v_cell c ON c.experiment = t.experiment AND c.cell_hash = t.cell_hash WHERE t.experiment = ?1 AND (t.current OR ?2) "
      "ORDER BY t.current DESC, c.position, t.seed");
  row.bind(1, experiment);
  row.bind(2, static_cast<int>(retired));
  std::vector<Trial> trials;
  while (row.executeStep()) {
    Trial trial;
    trial.id = row.getColumn(0).getInt64(), trial.name = row.getColumn(1).getString(), trial.cell = row.getColumn(2).getString();
    trial.seed = row.getColumn(3).getInt64(), trial.state = row.getColumn(4).getString(), trial.stages = row.getColumn(5).getInt64();
    trial.stages_done = row.getColumn(6).getInt64(), trial.current = row.getColumn(7).getInt() != 0;
    trial.cpu_seconds = row.getColumn(8).getDouble(), trial.cell_hash = row.getColumn(9).getString();
    trials.push_back(std::move(trial));
  }
  return trials;
}

// The first metric with a goal of each evaluated part says how a trial went; all of them stand in --json and in compare.
std::vector<std::string> add_values(SQLite::Database& database, const std::string& experiment, std::vector<Trial>& trials) {
  // By the cell's hash: a label may have stood for other options before.
  std::map<std::string, Trial*> by_name;
  for (auto& trial : trials) by_name[trial.cell_hash + "/" + std::to_string(trial.seed)] = &trial;
  SQLite::Statement row(
      database,
      "SELECT cell_hash, seed, slot, metric, value FROM v_score WHERE experiment = ? AND done AND axis = 'step' AND goal <> 'none' AND "
      "NOT timing AND slot LIKE 'evaluation.%' AND slot <> 'evaluation.calibration'");
  row.bind(1, experiment);
  std::vector<std::string> order;
  std::set<std::string> seen, parts;
  while (row.executeStep()) {
    const auto found = by_name.find(row.getColumn(0).getString() + "/" + row.getColumn(1).getString());
    if (found == by_name.end() || row.isColumnNull(4)) continue;
    const std::string part = row.getColumn(2).getString().substr(std::string("evaluation.").size());
    const std::string name = part + " " + row.getColumn(3).getString();
    found->second->values[name] = row.getColumn(4).getDouble();
    if (seen.insert(name).second && parts.insert(part).second) order.push_back(name);
  }
  return order;
}

void print_trials(const std::vector<Trial>& trials, std::vector<std::string> metrics) {
  metrics.resize(std::min(metrics.size(), kColumnsOnTerminal));
  std::vector<TextColumn> columns = {{"trial"}, {"state"}, {"stages", true}, {"cpu time", true}};
  for (const auto& metric : metrics) columns.push_back({metric, true});
  TextTable table(std::move(columns));
  for (const auto& trial : trials) {
    std::vector<std::string> cells = {trial.name, trial.current ? trial.state : trial.state + ", retired",
                                      fmt::format("{}/{}", trial.stages_done, trial.stages), format_duration(trial.cpu_seconds)};
    for (const auto& metric : metrics) {
      const auto value = trial.values.find(metric);
      cells.push_back(value == trial.values.end() ? "" : format_number(value->second));
    }
    table.add(std::move(cells));
  }
  fmt::print("{}", table.text());
}

Json trials_json(const std::vector<Trial>& trials) {
  Json list = Json::array();
  for (const auto& t : trials) {
    Json values = Json::object();
    for (const auto& [name, value] : t.values) values[name] = encode_number(value);
    list.push_back({{"trial", t.name},
                    {"cell", t.cell},
                    {"seed", t.seed},
                    {"state", t.state},
                    {"current", t.current},
                    {"stages", t.stages},
                    {"stages_done", t.stages_done},
                    {"cpu_seconds", t.cpu_seconds},
                    {"values", std::move(values)}});
  }
  return list;
}

}  // namespace

int verb_ls(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool retired = false;
  line.options().add_options()("retired", boost::program_options::bool_switch(&retired), "Trials of older versions of the file too.");
  if (!line.parse(arguments, 0, 1)) return 0;
  auto database = open_ledger(line.common());
  return with_ledger_errors(ledger_file(line.common().results), [&] {
    if (line.words().empty()) {
      const Table table = experiments(database);
      if (line.common().json)
        print_json(to_json(table));
      else
        fmt::print("{}", table.rows.empty() ? "No experiments yet: tessera run experiments/quickstart.toml\n" : to_text(table));
      return 0;
    }
    const std::string experiment = find_ledger_experiment(database, line.words()[0]);
    auto trials = trials_of(database, experiment, retired);
    const auto metrics = add_values(database, experiment, trials);
    if (line.common().json)
      print_json(trials_json(trials));
    else
      print_trials(trials, metrics);
    return 0;
  });
}

}  // namespace tessera
