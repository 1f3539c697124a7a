// export: what other programs and papers take. CSV and JSON: one row a trial and metric. LaTeX and Markdown: the comparison.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "cli/compare/comparison_export.hpp"
#include "cli/ledger/ledger_access.hpp"
#include "cli/output_file.hpp"
#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "experiment/trials/metric_words.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

// The format's name, and what its files end in.
constexpr std::pair<const char*, const char*> kFormats[] = {{"csv", ".csv"}, {"json", ".json"}, {"latex", ".tex"}, {"markdown", ".md"}};

std::string format_of(const std::string& asked, const std::string& out) {
  std::vector<std::string> names;
  const std::string extension = std::filesystem::path(out).extension().string();
  std::string by_name;
  for (const auto& [name, ending] : kFormats) {
    if (asked == name) return asked;
    if (extension == ending) by_name = name;
    names.emplace_back(name);
  }
  if (asked.empty() && (out.empty() || !by_name.empty())) return out.empty() ? "csv" : by_name;
  if (asked.empty())
    throw Error(ExitCode::bad_config,
                fmt::format("export: {}: found a name that ends in '{}', expected .csv, .json, .tex or .md, or --format", out, extension));
  const auto near = did_you_mean(asked, names);
  throw Error(ExitCode::bad_config, fmt::format("export: --format: found '{}', expected one of {}{}", asked, fmt::join(names, ", "),
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

Table scores(SQLite::Database& database, const std::string& experiment, const std::vector<std::string>& metrics) {
  Table table =
      query(database,
            "SELECT experiment, cell, seed, slot, stage, metric, revision, axis, goal, unit, value, n, n_nan FROM v_score "
            "WHERE experiment = ?1 AND current AND done ORDER BY slot, metric, (SELECT position FROM cell WHERE id = cell_id), cell, seed",
            {experiment});
  if (metrics.empty()) return table;
  const auto text = [&](const std::vector<Value>& row, const char* column) {
    return std::get<std::string>(
        row[static_cast<size_t>(std::find(table.columns.begin(), table.columns.end(), column) - table.columns.begin())]);
  };
  std::map<std::pair<std::string, std::string>, int> ranks;  // of a metric in a slot
  for (const auto& row : table.rows)
    ranks.try_emplace({text(row, "slot"), text(row, "metric")},
                      metric_rank(text(row, "slot"), text(row, "axis") == "sample", text(row, "goal")));
  std::vector<MetricName> names;
  for (const auto& [key, rank] : ranks) names.push_back({0, key.first, key.second, rank});
  std::set<std::pair<std::string, std::string>> asked;
  for (const auto& word : metrics)
    for (const auto& one : metrics_named("export", word, names)) asked.insert({one.slot, one.name});
  const auto unasked = [&](const auto& row) { return asked.count({text(row, "slot"), text(row, "metric")}) == 0; };
  table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(), unasked), table.rows.end());
  return table;
}

}  // namespace

int verb_export(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  std::string asked;
  OutputForm form{"FILE", "Where to write (default: standard output); its ending gives the format.", {}};
  form.json_is_content = true;
  OutputFile out(line, form);
  line.options().add_options()("format", po::value(&asked)->value_name("FORMAT"),
                               "csv (default), json: one row a trial and metric; latex, markdown: the comparison.");
  if (!line.parse(arguments, 1)) return 0;
  out.check();
  const bool printed = !out || out.is_standard_output();
  const std::string format = format_of(asked.empty() && printed && line.common().json ? "json" : asked, printed ? "" : out.name());
  const std::vector<std::string> metrics(line.words().begin() + 1, line.words().end());
  auto database = open_ledger(line.common());
  const std::string text = with_ledger_errors(ledger_file(line.common().results), [&]() -> std::string {
    const std::string experiment = find_ledger_experiment(database, line.words()[0]);
    if (format == "csv") return to_csv(scores(database, experiment, metrics));
    if (format == "json") return to_json(scores(database, experiment, metrics)).dump(2) + "\n";
    const auto comparison = compare(database, {experiment, metrics, FrontierDetail::kNone, "export"});
    return format == "latex" ? comparison_latex(comparison) : comparison_markdown(comparison);
  });
  if (printed) {
    fmt::print("{}", text);
    return 0;
  }
  out.write(text);
  if (line.common().json)
    print_json({{"file", out.name()}, {"format", format}, {"bytes", text.size()}});
  else
    fmt::print("{}: {} bytes of {}\n", out.name(), text.size(), format);
  return 0;
}

}  // namespace tessera
