#include "cli/run/closing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command_text.hpp"
#include "cli/compare/comparison_text.hpp"
#include "cli/ledger/ledger_access.hpp"
#include "cli/run/progress.hpp"
#include "cli/text_table.hpp"
#include "core/files.hpp"
#include "core/png.hpp"
#include "experiment/pictures/picture_grid.hpp"
#include "experiment/plan/past_runs.hpp"
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

}  // namespace

std::vector<Picture> draw_pictures(const Plan& plan, const CommonOptions& common) {
  auto database = open_ledger(common);
  const auto& results = common.results;
  std::vector<Picture> pictures;
  for (const auto& request : requests_of(plan)) {
    const auto file = results / "pictures" / file_stem(fmt::format("{}-{}.png", plan.experiment, request));
    try {
      const auto grid = draw_grid(database, results, {plan.experiment, {request}, std::nullopt, 12, {}});
      fs::create_directories(file.parent_path());
      write_file_atomically(file, encode_png(grid.image));
      pictures.push_back({request, file, grid.rows, grid.notes, ""});
    } catch (const Error& error) {
      pictures.push_back({request, {}, {}, {}, error.what()});
    }
  }
  return pictures;
}

void warn_of_other_source(const Plan& plan, const CommonOptions& common) {
  const auto file = ledger_file(common.results);
  if (!fs::exists(file)) return;
  try {
    auto database = open_read_only(file);
    if (const auto former = with_ledger_errors(file, [&] { return other_source(database, plan); }))
      fmt::print(stderr,
                 "tessera: warning: {} was last run from {}: a run of {} takes its place, and retires cells that it does not have\n",
                 plan.experiment, *former, plan.source);
  } catch (const Error&) {  // who records says what is wrong
  }
}

void print_closing(const Plan& plan, const RunSummary& summary, const CommonOptions& common) {
  auto database = open_ledger(common);
  const auto file = ledger_file(common.results);
  const auto comparison = with_ledger_errors(file, [&] { return compare(database, {plan.experiment, {}}); });
  fmt::print("\n{}\n", comparison_text(comparison, common, terminal_width()));
  for (const auto& picture : with_ledger_errors(file, [&] { return draw_pictures(plan, common); })) {
    if (!picture.error.empty())
      fmt::print("Picture     none of {}: {}\n", picture.request, picture.error);
    else
      fmt::print("Picture     {} ({} rows)\n", picture.file.string(), picture.rows.size());
    for (const auto& note : picture.notes) fmt::print("            {}\n", note);
  }
  fmt::print("Ledger      {}\n", file.string());
  fmt::print("Cost        {} and {:.0f} CPU-seconds of hosts in this run\n", clock_text(summary.seconds), summary.cpu_seconds);
  const auto& trial = plan.trials.back();
  const auto name = fmt::format("{}/{}/{}", plan.experiment, plan.cells[trial.cell].label, trial.seed);
  // Another temperature than the trial's own.
  const auto temperature = plan.cells[trial.cell].value("sampling.logits.temperature") == 0.8 ? "0.9" : "0.8";
  fmt::print("\nTry next:\n");
  for (const auto& words : {std::vector<std::string>{"show", name},
                            {"sample", name, fmt::format("sampling.logits.temperature={}", temperature)},
                            {"query", "SELECT cell, slot, metric, value FROM v_score WHERE goal <> 'none'"}}) {
    fmt::print("  {}\n", command_text(words, common));
  }
}

}  // namespace tessera
