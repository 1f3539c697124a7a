// export: what other programs and papers take. CSV and JSON: one row a trial and metric. LaTeX and Markdown: the comparison.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>

#include "cli/comparison_export.hpp"
#include "cli/ledger_access.hpp"
#include "core/error.hpp"
#include "core/files.hpp"
#include "core/option_schema.hpp"
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
  Table table = query(database,
                      "SELECT experiment, cell, seed, slot, stage, metric, revision, axis, goal, unit, value, n, n_nan FROM v_score "
                      "WHERE experiment = ?1 AND current AND done ORDER BY slot, metric, cell, seed",
                      {experiment});
  if (metrics.empty()) return table;
  const auto name = static_cast<size_t>(std::find(table.columns.begin(), table.columns.end(), "metric") - table.columns.begin());
  const auto& rows = table.rows;
  std::vector<std::string> known;
  for (const auto& row : rows) known.push_back(std::get<std::string>(row[name]));
  for (const auto& metric : metrics)
    if (std::find(known.begin(), known.end(), metric) == known.end()) {
      const auto near = did_you_mean(metric, known);
      throw Error(ExitCode::bad_config, fmt::format("export: found metric '{}', expected one that {} has{}", metric, experiment,
                                                    near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
    }
  table.rows.erase(std::remove_if(table.rows.begin(), table.rows.end(),
                                  [&](const auto& row) {
                                    return std::find(metrics.begin(), metrics.end(), std::get<std::string>(row[name])) == metrics.end();
                                  }),
                   table.rows.end());
  return table;
}

}  // namespace

int verb_export(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  std::string out, asked;
  line.options().add_options()("format", po::value(&asked)->value_name("FORMAT"),
                               "csv (default), json: one row a trial and metric; latex, markdown: the comparison.")(
      "out,o", po::value(&out)->value_name("FILE"), "Where to write (default: standard output); its ending gives the format.");
  if (!line.parse(arguments, 1)) return 0;
  const std::string format = format_of(asked.empty() && out.empty() && line.common().json ? "json" : asked, out);
  const std::vector<std::string> metrics(line.words().begin() + 1, line.words().end());
  auto database = open_ledger(line.common());
  const std::string text = with_ledger_errors(ledger_file(line.common().results), [&]() -> std::string {
    const std::string experiment = find_ledger_experiment(database, line.words()[0]);
    if (format == "csv") return to_csv(scores(database, experiment, metrics));
    if (format == "json") return to_json(scores(database, experiment, metrics)).dump(2) + "\n";
    const auto comparison = compare(database, {experiment, metrics});
    return format == "latex" ? comparison_latex(comparison) : comparison_markdown(comparison);
  });
  if (out.empty()) {
    fmt::print("{}", text);
    return 0;
  }
  write_file_atomically(std::filesystem::absolute(out), text);
  if (line.common().json)
    print_json({{"file", out}, {"format", format}, {"bytes", text.size()}});
  else
    fmt::print("{}: {} bytes of {}\n", out, text.size(), format);
  return 0;
}

}  // namespace tessera
