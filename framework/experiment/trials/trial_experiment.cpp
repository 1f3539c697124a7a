#include "experiment/trials/trial_experiment.hpp"

#include <fmt/format.h>

#include "core/config.hpp"
#include "core/error.hpp"
#include "core/journal.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/query.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {

constexpr const char* kFindTrial =
    "SELECT v.trial, v.experiment, v.cell_hash, v.seed, j.path FROM v_trial v JOIN trial t ON t.id = v.id JOIN cell c ON c.id = t.cell "
    "JOIN front f ON f.id = c.front JOIN journal j ON j.id = f.journal "
    "WHERE v.trial = ?1 OR CAST(v.id AS TEXT) = ?1 ORDER BY v.current DESC LIMIT 1";

std::string as_text(const Value& value) { return to_json(value).get<std::string>(); }

// The cell as its front wrote it: SQLite has neither booleans nor lists, the journal has.
Json find_cell(const std::filesystem::path& journal, const std::string& experiment, const std::string& hash) {
  JournalReader reader(journal);
  while (const auto line = reader.next())
    if (line->value("t", "") == "cell" && line->value("experiment", "") == experiment && line->value("hash", "") == hash) return *line;
  throw Error(ExitCode::ledger,
              fmt::format("{} has no cell {}; `tessera db rebuild` brings ledger and journals together", journal.string(), hash));
}

}  // namespace

Experiment trial_experiment(const std::filesystem::path& results, const std::string& name, const std::vector<std::string>& words,
                            const std::string& section) {
  record(results);
  auto database = open_read_only(ledger_file(results));
  const auto found = query(database, kFindTrial, {name});
  if (found.rows.empty())
    throw Error(ExitCode::bad_config,
                fmt::format("found no trial '{}', expected one that `tessera ls` lists, such as quickstart/causal/0", name));
  const auto& row = found.rows[0];
  const auto trial = as_text(row[0]);
  Experiment experiment;
  experiment.name = "adhoc";
  experiment.source = "trial " + trial;
  experiment.question = "Trials that `tessera sample` added";
  experiment.seeds = {std::get<int64_t>(row[3])};
  Layer own{trial, {}};
  const auto cell = find_cell(results / as_text(row[4]), as_text(row[1]), as_text(row[2]));
  for (const auto& option : cell.at("options")) own.entries.push_back({option[0], option[1], option[2], option[2], {}});
  experiment.layers.push_back(std::move(own));

  Layer changes{"command line", {}};
  Problems problems;
  std::string label = trial;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    const auto key = word.substr(0, equals);
    if (equals == std::string::npos || key.compare(0, section.size(), section) != 0) {
      problems.add_line(
          section.empty()
              ? fmt::format("command line: found '{}', expected key=value", word)
              : fmt::format("command line: found '{}', expected {}key=value: the trial's other stages stay as they are", word, section));
      continue;
    }
    changes.entries.push_back({key, parse_config_value(word.substr(equals + 1), "command line: " + key), "command line", "command line",
                               std::filesystem::current_path()});
    label += " " + word;
  }
  problems.raise();
  experiment.layers.push_back(std::move(changes));
  experiment.axes.push_back({"from", {{label, {label, {}}, {{"from", label}}, "command line"}}});
  return experiment;
}

}  // namespace tessera
