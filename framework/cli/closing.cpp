#include "cli/closing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/comparison_text.hpp"
#include "cli/ledger_access.hpp"
#include "cli/progress.hpp"
#include "cli/text_table.hpp"
#include "core/files.hpp"
#include "core/png.hpp"
#include "experiment/picture_grid.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// Entries of sampling.requests over all cells, in the order of their first use.
std::vector<std::string> requests_of(const Plan& plan) {
  std::vector<std::string> requests;
  for (const auto& cell : plan.cells)
    for (const auto& request : cell.value("sampling.requests"))
      if (std::find(requests.begin(), requests.end(), request) == requests.end()) requests.push_back(request);
  return requests;
}

// A file name for any request: "cells:0101" has characters that shells and archives dislike.
std::string file_stem(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_' && c != '-' && c != '.' && c != '/'; }, '_');
  return text;
}

// A picture that cannot be drawn is told; the numbers are there all the same.
void print_pictures(SQLite::Database& database, const Plan& plan, const fs::path& results) {
  for (const auto& request : requests_of(plan)) {
    const auto file = results / "pictures" / file_stem(fmt::format("{}-{}.png", plan.experiment, request));
    try {
      const auto grid = draw_grid(database, results, {plan.experiment, {request}, std::nullopt, 12});
      fs::create_directories(file.parent_path());
      write_file_atomically(file, encode_png(grid.image));
      fmt::print("Picture     {} ({} rows)\n", file.string(), grid.rows.size());
      for (const auto& note : grid.notes) fmt::print("            {}\n", note);
    } catch (const Error& error) {
      fmt::print("Picture     none of {}: {}\n", request, error.what());
    }
  }
}

// In quotes where a shell would split or expand it.
std::string shell_word(const std::string& word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string("_-./=:,").find(static_cast<char>(c)) != std::string::npos;
  });
  return plain ? word : "'" + word + "'";
}

}  // namespace

void print_closing(const Plan& plan, const RunSummary& summary, const CommonOptions& common) {
  auto database = open_ledger(common);
  const auto file = ledger_file(common.results);
  const auto comparison = with_ledger_errors(file, [&] { return compare(database, {plan.experiment, {}}); });
  fmt::print("\n{}\n", comparison_text(comparison, terminal_width()));
  with_ledger_errors(file, [&] { print_pictures(database, plan, common.results); });
  fmt::print("Ledger      {}\n", file.string());
  fmt::print("Cost        {} and {:.0f} CPU-seconds of hosts in this run\n", clock_text(summary.seconds), summary.cpu_seconds);
  const auto at = common.results == "results" ? "" : " --results " + shell_word(common.results.string());
  const auto& trial = plan.trials.back();
  const auto name = fmt::format("{}/{}/{}", plan.experiment, plan.cells[trial.cell].label, trial.seed);
  fmt::print(
      "\nTry next:\n  tessera show {}{}\n  tessera sample {}{} sampling.logits.temperature=0.9\n  tessera query{} \"SELECT cell, slot, "
      "metric, value FROM v_score WHERE goal <> 'none'\"\n",
      shell_word(name), at, shell_word(name), at, at);
}

}  // namespace tessera
