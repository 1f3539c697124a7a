#include "cli/difference_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/text_table.hpp"
#include "core/text.hpp"

namespace tessera {
namespace {

constexpr int64_t kExact = 6;  // the fewest pairs whose sign-flip test can reach 0.05: 2 / 2^6 = 0.03
constexpr size_t kMostLeftOutShown = 12;

// p-values are probabilities: three digits behind the point are enough, and none is 0.
std::string p_text(const std::optional<double>& p) { return !p ? "" : *p < 0.0005 ? "<0.001" : fmt::format("{:.3f}", *p); }

// How many pairs more would show a difference of this size and spread, with 80 % power.
std::string pairs_missing(const PairedDifference& paired) {
  const auto& e = paired.estimate;
  if (!e.deviation || *e.deviation == 0) return "";
  const auto needed = pairs_needed(std::abs(e.mean) / *e.deviation);
  if (!needed) return ">10000";
  return std::to_string(std::max<int64_t>(0, std::max(*needed, kExact) - e.n));
}

std::string interval_text(double mean, double half_width, const Estimate& e) {
  return fmt::format("{} … {}", format_difference(mean - half_width, e), format_difference(mean + half_width, e));
}

std::string seeds_text(const std::vector<int64_t>& seeds) {
  return fmt::format("seed{} {}", seeds.size() == 1 ? "" : "s", fmt::join(seeds, ", "));
}

std::string title_of(const std::string& part, const ComparedMetric& metric) {
  return fmt::format("{} {}{}", part, metric.name, metric.goal == "none" ? "" : metric.goal == "max" ? " ↑" : " ↓");
}

std::string pinned_text(const PinnedStage& pinned, size_t width) {
  const auto of = pinned.everywhere ? std::string("All seeds") : fmt::format("All seeds of {}", fmt::join(pinned.cells, ", "));
  return pinned.one ? wrapped(fmt::format("{} share one {}: the intervals hold for this {}, and say nothing of another.", of, pinned.slot,
                                          pinned.slot),
                              width, 2)
                    : wrapped(fmt::format("{} share one {} in each cell: the intervals hold for these, and say nothing of others.", of,
                                          pinned.slot),
                              width, 2);
}

// What rows have in common with their baselines: a stage of the part itself at some seeds, trained stages before it at all.
std::string shared_text(const Comparison& comparison, size_t width) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> upstream;  // stages, from -> cells
  std::vector<std::string> lines;
  for (const auto& part : comparison.parts)
    for (const auto& row : part.rows) {
      if (row.from.empty()) continue;
      const auto cells = fmt::format("{}", fmt::join(row.cells, " = "));
      if (!row.shared_seeds.empty())
        lines.push_back(fmt::format("{}: {} and {} are the same stage at {}: no difference is counted there.", part.name, cells, row.from,
                                    seeds_text(row.shared_seeds)));
      for (const auto& [seeds, who] : {std::make_pair(&row.row_only_seeds, &row.from), std::make_pair(&row.base_only_seeds, &cells)})
        if (!seeds->empty())
          lines.push_back(fmt::format("{}: {} against {} has no pair at {}: {} has no number there.", part.name, cells, row.from,
                                      seeds_text(*seeds), *who));
      std::vector<std::string> trained;
      for (const auto& slot : row.same_slots)
        if (slot == "tokenizer" || slot == "prior") trained.push_back(slot);
      auto& list = upstream[{fmt::format("{}", fmt::join(trained, " and ")), row.from}];
      for (const auto& cell : row.cells)
        if (!trained.empty() && std::find(list.begin(), list.end(), cell) == list.end()) list.push_back(cell);
    }
  for (const auto& [what, cells] : upstream)
    if (!cells.empty() && cells.size() <= kMostLeftOutShown)
      lines.push_back(fmt::format("Same {} as {} at every seed: {}.", what.first, what.second, fmt::join(cells, ", ")));
  std::string text;
  for (const auto& line : lines) text += wrapped(line, width, 2);
  return text;
}

// A line of its own: to be pasted.
std::string with_seeds(const Comparison& comparison) { return fmt::format("    tessera run {} seeds={}\n", comparison.source, kExact); }

// The rows of a table, and the fewest pairs that any of them or a row without an interval has.
int64_t add_differences(const Comparison& comparison, TextTable& table) {
  int64_t fewest = 1'000'000;
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      if (part.metrics[i].goal == "none" || part.metrics[i].timing) continue;
      bool titled = false;
      for (const auto& row : part.rows) {
        if (!row.values[i] || !row.values[i]->paired || row.values[i]->paired->estimate.n == 0) continue;
        const auto& paired = *row.values[i]->paired;
        const auto& e = paired.estimate;
        if (e.deviation && *e.deviation <= 1e-12 * std::abs(e.mean)) continue;  // a count that the strategy fixes
        fewest = std::min(fewest, e.n);
        if (!e.half_width) continue;
        if (!titled) table.heading(title_of(part.name, part.metrics[i]));
        titled = true;
        table.add({fmt::format("  {}", fmt::join(row.cells, " = ")), std::to_string(e.n), format_difference(e.mean, e),
                   interval_text(e.mean, *e.half_width, e), p_text(paired.p), p_text(row.values[i]->p_holm),
                   paired.detectable ? format_number(*paired.detectable) : "", pairs_missing(paired)});
      }
    }
  return fewest;
}

}  // namespace

std::string differences_text(const Comparison& comparison, size_t width) {
  TextTable table({{"metric, arm"},
                   {"pairs", true},
                   {"Δ", true},
                   {"95 % interval", true},
                   {"p", true},
                   {"p Holm", true},
                   {"80 % sees", true},
                   {"more seeds", true}});
  const int64_t fewest = add_differences(comparison, table);
  std::string text;
  if (!table.empty()) {
    text = fmt::format("\nDifferences from {}, paired by seed: over other trainings\n{}", comparison.baseline, table.text(2));
    text += wrapped(
        "p: exact sign flips; p Holm: for all arms on one metric; 80 % sees: the smallest difference that so many pairs show four times in "
        "five; more seeds: to see the difference found.",
        width, 2);
  } else if (fewest == 1) {
    text = fmt::format("\nDifferences from {}, paired by seed\n  One pair has a difference, and no interval of it.\n", comparison.baseline);
  } else {
    return "";
  }
  if (const double least = 2 / std::exp2(static_cast<double>(fewest)); least > 0.05)
    text += wrapped(fmt::format("{} cannot reach p = 0.05: the least is {:.2g}; {} can:", counted(fewest, "pair"), std::min(1.0, least),
                                kExact),
                    width, 2) +
            with_seeds(comparison);
  return text;
}

std::string conditions_text(const Comparison& comparison, size_t width) {
  std::string text;
  for (const auto& pinned : comparison.pinned) text += pinned_text(pinned, width);
  text += shared_text(comparison, width);
  return text.empty() ? "" : "\nWhat the differences rest on\n" + text;
}

std::string sample_differences_text(const Comparison& comparison, size_t width) {
  TextTable table({{"metric, arm"},
                   {"samples", true},
                   {"models", true},
                   {"Δ", true},
                   {"these models", true},
                   {"other trainings", true},
                   {"both", true}});
  std::string title, notes;
  for (const auto& one : comparison.samples) {
    const auto cells = fmt::format("{}", fmt::join(one.cells, " = "));
    const auto& d = one.difference;
    const auto& models = d.these_models;
    const auto& trainings = d.other_trainings.estimate;
    const auto metric = title_of(one.part, one.metric);
    if (!one.same_data) {
      notes += wrapped(
          fmt::format("{}: {} and {} were scored on different images: sample i is not the same one, and no pair.", metric, cells, one.from),
          width, 2);
      continue;
    }
    if (d.left_out > 0)
      notes += wrapped(
          fmt::format("{}: {} of {} left out, which some model has no number of.", metric, counted(d.left_out, "sample"), cells), width, 2);
    if (!models.half_width) continue;
    if (metric != title) table.heading(metric);
    title = metric;
    // To the place of the widest interval, which is the most that is known.
    Estimate place = models;
    place.deviation = d.both_half_width ? *d.both_half_width : trainings.half_width ? *trainings.half_width : *models.half_width;
    table.add({"  " + cells, std::to_string(d.samples), std::to_string(trainings.n), format_difference(models.mean, place),
               interval_text(models.mean, *models.half_width, place),
               trainings.half_width ? interval_text(trainings.mean, *trainings.half_width, place) : "",
               d.both_half_width ? interval_text(models.mean, *d.both_half_width, place) : ""});
  }
  if (comparison.unread_scores > 0)
    notes += wrapped(fmt::format("{} per-sample scores were not read: name a metric (tessera compare {} METRIC) to compare them.",
                                 comparison.unread_scores, comparison.experiment),
                     width, 2);
  if (table.empty()) return notes.empty() ? "" : fmt::format("\nDifferences from {}, paired by sample\n{}", comparison.baseline, notes);
  return fmt::format("\nDifferences from {}, paired by sample (95 % intervals)\n{}", comparison.baseline, table.text(2)) +
         wrapped(
             "these models: over other samples, for the models as they are trained; other trainings: over other seeds, on these samples; "
             "both: over "
             "other seeds and other samples.",
             width, 2) +
         notes;
}

std::string controls_text(const Comparison& comparison, size_t width) {
  const auto& controls = comparison.controls;
  const bool compared =
      std::any_of(comparison.parts.begin(), comparison.parts.end(), [](const auto& part) { return part.rows.size() > 1; });
  if (!compared && controls.differences.empty()) return "";
  std::string text = "\nWhat else differed\n";
  size_t shown = 0;
  for (const auto& one : controls.differences) {
    if (++shown > kMostLeftOutShown) break;
    text += wrapped(one.follows.empty() ? "uncontrolled: " + sentence(one) : fmt::format("{}: follows from {}", sentence(one), one.follows),
                    width, 2);
  }
  if (controls.differences.size() > kMostLeftOutShown)
    text += fmt::format("  and {} more: --json lists them all\n", controls.differences.size() - kMostLeftOutShown);
  if (controls.uncontrolled() == 0)
    text += wrapped(
        "Nothing uncontrolled is on record: plugin code, data, library, machine, threads, precision and steps agree but for what options "
        "ask.",
        width, 2);
  TextTable table({{"trained"}, {"steps", true}, {"weights", true}});
  for (const auto& one : controls.budgets)
    table.add({fmt::format("{} {}", one.slot, one.cell), std::to_string(one.steps),
               fmt::format("{:.2f} MB", static_cast<double>(one.weights_bytes) / 1e6)});
  return table.empty() ? text : text + table.text(2);
}

std::string left_out_text(const Comparison& comparison, size_t width) {
  std::vector<std::string> lines;
  std::map<std::string, int64_t> censored;
  for (const auto& one : comparison.excluded) {
    if (one.censored) ++censored[one.cell];
    lines.push_back(fmt::format("{}/{}: {} {}{}", one.cell, one.seed, one.slot, one.state, one.error.empty() ? "" : ": " + one.error));
  }
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i)
      for (const auto& row : part.rows)
        if (row.values[i] && !row.values[i]->nan_seeds.empty())
          lines.push_back(fmt::format("{} {}: {} is NaN at {}", part.name, part.metrics[i].name, fmt::join(row.cells, " = "),
                                      seeds_text(row.values[i]->nan_seeds)));
  if (lines.empty() && comparison.retired.empty()) return "";
  std::string text = "\nLeft out\n";
  for (size_t i = 0; i < std::min(lines.size(), kMostLeftOutShown); ++i) text += wrapped(lines[i], width, 2);
  if (lines.size() > kMostLeftOutShown) text += fmt::format("  and {} more: --json lists them all\n", lines.size() - kMostLeftOutShown);
  if (!censored.empty()) {
    std::vector<std::string> cells;
    int64_t trials = 0;
    for (const auto& [cell, n] : censored) {
      if (cells.size() < kMostLeftOutShown) cells.push_back(fmt::format("{} of {}", n, cell));
      trials += n;
    }
    if (censored.size() > cells.size()) cells.push_back(fmt::format("{} more cells", censored.size() - cells.size()));
    text += wrapped(fmt::format("{} censored ({}): stopped because they did badly, so what is left of such a cell looks better than it is.",
                                counted(trials, "trial"), fmt::join(cells, ", ")),
                    width, 2);
  }
  if (!comparison.retired.empty())
    text += fmt::format("  {} of older versions of the file with finished trials: tessera ls {} --retired\n",
                        counted(static_cast<int64_t>(comparison.retired.size()), "cell"), comparison.experiment);
  return text;
}

}  // namespace tessera
