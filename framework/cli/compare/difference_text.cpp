#include "cli/compare/difference_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/command_text.hpp"
#include "cli/text_table.hpp"
#include "core/text.hpp"

namespace tessera {
namespace {

// p-values are probabilities: three digits behind the point are enough, and none is 0.
std::string p_text(const std::optional<double>& p) { return !p ? "" : *p < 0.0005 ? "<0.001" : fmt::format("{:.3f}", *p); }

// Beyond the seeds that are asked for already.
std::string missing_text(const PairedDifference& paired, int64_t comparisons, int64_t coming) {
  const auto missing = pairs_missing(paired, comparisons);
  return !missing ? "" : std::isinf(*missing) ? ">10000" : fmt::format("{:.0f}", std::max(0.0, *missing - static_cast<double>(coming)));
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

bool has_difference(const ComparedMetric& metric) { return metric.goal != "none" && !metric.timing; }

// "in rank": of which metrics it is said; nothing where it is said of all that have differences.
std::string in_metrics(const ComparedPart& part, const std::vector<std::string>& metrics) {
  const auto all = std::count_if(part.metrics.begin(), part.metrics.end(), has_difference);
  return static_cast<int64_t>(metrics.size()) == all ? "" : fmt::format(" in {}", fmt::join(metrics, ", "));
}

// Which seeds are no pair, and why.
void add_unpaired(const ComparedPart& part, const ComparedRow& row, std::vector<std::string>& lines) {
  const auto cells = fmt::format("{}", fmt::join(row.cells, " = "));
  for (const auto list : {&UnpairedSeeds::shared, &UnpairedSeeds::row_only, &UnpairedSeeds::base_only}) {
    std::map<std::vector<int64_t>, std::vector<std::string>> metrics;  // by the seeds
    for (size_t i = 0; i < part.metrics.size(); ++i)
      if (row.values[i] && has_difference(part.metrics[i]) && !(row.values[i]->unpaired.*list).empty())
        metrics[row.values[i]->unpaired.*list].push_back(part.metrics[i].name);
    for (const auto& [seeds, names] : metrics)
      lines.push_back(list == &UnpairedSeeds::shared
                          ? fmt::format("{}: {} and {} are the same stage at {}: no difference is counted there.", part.name, cells,
                                        row.from, seeds_text(seeds))
                          : fmt::format("{}: {} against {} has no pair at {}{}: no number of {} counts there.", part.name, cells, row.from,
                                        seeds_text(seeds), in_metrics(part, names), list == &UnpairedSeeds::row_only ? row.from : cells));
  }
}

// What rows have in common with their baselines: a stage of the part itself at some seeds, trained stages before it at all.
std::string shared_text(const Comparison& comparison, size_t width) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> upstream;  // stages, from -> cells
  std::vector<std::string> lines;
  for (const auto& part : comparison.parts)
    for (const auto& row : part.rows) {
      if (row.from.empty()) continue;
      add_unpaired(part, row, lines);
      std::vector<std::string> trained;
      for (const auto& slot : row.same_slots)
        if (slot == "tokenizer" || slot == "prior") trained.push_back(slot);
      auto& list = upstream[{fmt::format("{}", fmt::join(trained, " and ")), row.from}];
      for (const auto& cell : row.cells)
        if (!trained.empty() && std::find(list.begin(), list.end(), cell) == list.end()) list.push_back(cell);
    }
  for (const auto& [what, cells] : upstream) {
    if (cells.empty()) continue;
    lines.push_back(fmt::format("Same {} as {} at every seed: {}.", what.first, what.second, some_of(cells)));
  }
  if (!comparison.unmatched.empty())
    lines.push_back(fmt::format("No difference is counted for {}: the baseline {} has no cell at the same points of the axes.",
                                some_of(comparison.unmatched), comparison.baseline));
  std::string text;
  for (const auto& line : lines) text += wrapped(line, width, 2);
  return text;
}

// "4 pairs (of masked in samples rank) cannot reach p = 0.05, corrected for 2 arms: the least is 0.25"
std::string beyond_reach(const MoreSeeds& more) {
  return fmt::format("{}{} cannot reach p = 0.05{}: the least is {:.2g}", counted(more.pairs, "pair"),
                     more.alike ? "" : fmt::format(" (of {} in {} {})", fmt::join(more.cells, " = "), more.part, more.metric),
                     more.comparisons > 1 ? fmt::format(", corrected for {} arms", more.comparisons) : "", more.least_p);
}

// How many seeds more would answer, and the command that adds them, on a line of its own: to be pasted.
std::string more_seeds_text(const Comparison& comparison, const CommonOptions& common, size_t width) {
  if (!comparison.more_seeds) return "";
  const auto& more = *comparison.more_seeds;
  const auto added = more.seeds > comparison.seeds ? counted(more.seeds - comparison.seeds, "more seed") : "the seeds asked for";
  const auto said = more.reach ? fmt::format("{}; {} can:", beyond_reach(more), exact_pairs(more.comparisons))
                               : fmt::format("Next to be seen, with {}: the difference of {} in {} {}, if it is what it seems:", added,
                                             fmt::join(more.cells, " = "), more.part, more.metric);
  return wrapped(said, width, 2) + "    " + command_text({"retry", comparison.experiment, "--seeds", std::to_string(more.seeds)}, common) +
         "\n";
}

// The rows of a table, and the fewest pairs that any of them or a row without an interval has.
int64_t add_differences(const Comparison& comparison, TextTable& table) {
  int64_t fewest = 1'000'000;
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      if (!has_difference(part.metrics[i])) continue;
      bool titled = false;
      for (const auto& row : part.rows) {
        if (!row.values[i] || !row.values[i]->paired || row.values[i]->paired->estimate.n == 0) continue;
        const auto& paired = *row.values[i]->paired;
        const auto& e = paired.estimate;
        if (e.mean == 0 && e.deviation.value_or(0) == 0) continue;               // no difference
        if (part.metrics[i].cost && e.deviation && *e.deviation == 0) continue;  // a count that the strategy fixes
        fewest = std::min(fewest, e.n);
        if (!e.half_width) continue;
        if (!titled) table.heading(title_of(part.name, part.metrics[i]));
        titled = true;
        table.add({fmt::format("  {}", fmt::join(row.cells, " = ")), std::to_string(e.n), format_difference(e.mean, e),
                   interval_text(e.mean, *e.half_width, e), p_text(paired.p), p_text(row.values[i]->p_holm),
                   paired.detectable ? format_number(*paired.detectable) : "",
                   row.unequal_sets ? "" : missing_text(paired, row.values[i]->comparisons, row.values[i]->coming_pairs)});
      }
    }
  return fewest;
}

}  // namespace

std::string differences_text(const Comparison& comparison, const CommonOptions& common, size_t width) {
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
    text = "\n" + wrapped(fmt::format("Differences from {}, paired by seed: over other trainings", comparison.baseline), width, 0) +
           table.text(2, width);
    text += wrapped(
        "p: sign flips, exact up to 24 pairs; p Holm: for all arms on one metric; 80 % sees: the smallest difference that so many pairs "
        "show "
        "four times in five (t-test at 0.05, without Holm); more seeds: to see the difference found so, and enough for p Holm to reach "
        "0.05.",
        width, 2);
  } else if (fewest == 1) {
    text = "\n" + wrapped(fmt::format("Differences from {}, paired by seed", comparison.baseline), width, 0) +
           "  One pair has a difference, and no interval of it.\n";
  } else {
    return "";
  }
  text += more_seeds_text(comparison, common, width);
  return text;
}

namespace {

// "masked/1 (prior failed)", "masked at seeds 1, 2 (prior failed)". Censored ones have a note of their own.
std::vector<std::string> excluded_by_cell(const std::vector<ExcludedTrial>& excluded) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < excluded.size();) {
    const auto& first = excluded[i];
    if (first.censored) {
      ++i;
      continue;
    }
    std::vector<int64_t> seeds;
    for (; i < excluded.size() && excluded[i].cell == first.cell && excluded[i].slot == first.slot && excluded[i].state == first.state; ++i)
      seeds.push_back(excluded[i].seed);
    const auto which =
        seeds.size() == 1 ? fmt::format("{}/{}", first.cell, seeds[0]) : fmt::format("{} at {}", first.cell, seeds_text(seeds));
    texts.push_back(fmt::format("{} ({} {})", which, first.slot, first.state));
  }
  return texts;
}

}  // namespace

std::vector<std::string> caveats(const Comparison& comparison) {
  auto sentences = pinned_sentences(comparison);
  sentences.insert(sentences.end(), comparison.notes.begin(), comparison.notes.end());
  if (comparison.more_seeds && comparison.more_seeds->reach) sentences.push_back(beyond_reach(*comparison.more_seeds) + ".");
  std::vector<std::string> uncontrolled;
  for (const auto& one : comparison.controls.differences)
    if (is_uncontrolled(one)) uncontrolled.push_back(sentence(one));
  if (!uncontrolled.empty()) sentences.push_back(fmt::format("Uncontrolled: {}.", some_of(uncontrolled)));
  auto left_out = excluded_by_cell(comparison.excluded);
  for (const auto& one : comparison.removed_trials) left_out.push_back(one + " (removed by hand)");
  for (const auto& one : comparison.retired_trials) left_out.push_back(one + " (not asked for any more)");
  if (!left_out.empty()) sentences.push_back(fmt::format("Left out: {}.", some_of(left_out)));
  return sentences;
}

std::vector<std::string> pinned_sentences(const Comparison& comparison) {
  std::vector<std::string> sentences;
  for (const auto& pinned : comparison.pinned) {
    const auto of = pinned.everywhere ? std::string("All seeds") : fmt::format("All seeds of {}", fmt::join(pinned.cells, ", "));
    sentences.push_back(
        pinned.one
            ? fmt::format("{} share one {}: the intervals hold for this {}, and say nothing of another.", of, pinned.slot, pinned.slot)
            : fmt::format("{} share one {} in each cell: the intervals hold for these, and say nothing of others.", of, pinned.slot));
  }
  return sentences;
}

std::string conditions_text(const Comparison& comparison, size_t width) {
  std::string text;
  for (const auto& sentence : pinned_sentences(comparison)) text += wrapped(sentence, width, 2);
  for (const auto& note : comparison.notes) text += wrapped(note, width, 2);
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
    if (!models.half_width) {
      notes += wrapped(
          fmt::format("{}: {} has no interval: {}.", metric, cells,
                      models.n < 2 ? fmt::format("{} with a number in both", counted(models.n, "sample")) : "a difference is infinite"),
          width, 2);
      continue;
    }
    if (metric != title) table.heading(metric);
    title = metric;
    // The difference to the place of the widest interval, which is the most that is known; each interval to its own.
    Estimate place = models;
    const auto interval = [&place](double mean, double half_width) {
      place.deviation = half_width;
      return interval_text(mean, half_width, place);
    };
    const auto these_models = interval(models.mean, *models.half_width);
    const auto other_trainings = trainings.half_width ? interval(trainings.mean, *trainings.half_width) : "";
    const auto both = d.both_half_width ? interval(models.mean, *d.both_half_width) : "";
    table.add({"  " + cells, std::to_string(d.samples), std::to_string(trainings.n), format_difference(models.mean, place), these_models,
               other_trainings, both});
  }
  if (comparison.unread_scores > 0)
    notes += wrapped(fmt::format("{} per-sample scores were not read: name a metric (tessera compare {} METRIC) to compare them.",
                                 comparison.unread_scores, comparison.experiment),
                     width, 2);
  const auto heading = [&](const char* more) {
    return "\n" + wrapped(fmt::format("Differences from {}, paired by sample{}", comparison.baseline, more), width, 0);
  };
  if (table.empty()) return notes.empty() ? "" : heading("") + notes;
  return heading(" (95 % intervals)") + table.text(2, width) +
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
    if (++shown > kMostNamed) break;
    text += wrapped(is_uncontrolled(one)  ? "uncontrolled: " + sentence(one)
                    : one.follows.empty() ? sentence(one)
                                          : fmt::format("{}: follows from {}", sentence(one), one.follows),
                    width, 2);
  }
  if (controls.differences.size() > kMostNamed)
    text += fmt::format("  and {} more: --json lists them all\n", controls.differences.size() - kMostNamed);
  const bool between = std::any_of(controls.differences.begin(), controls.differences.end(),
                                   [](const auto& one) { return one.where == FactDifference::between; });
  if (controls.uncontrolled() == 0 && between)
    text += wrapped("Within pairs nothing uncontrolled is on record.", width, 2);
  else if (controls.uncontrolled() == 0)
    text += wrapped(
        "Nothing uncontrolled is on record: plugin code, data, library, machine, threads, precision and steps agree but for what options "
        "ask.",
        width, 2);
  TextTable table({{"trained"}, {"steps", true}, {"weights", true}});
  for (const auto& one : controls.budgets)
    table.add({fmt::format("{} {}", one.slot, one.cell), std::to_string(one.steps),
               fmt::format("{:.2f} MB", static_cast<double>(one.weights_bytes) / 1e6)});
  return table.empty() ? text : text + table.text(2, width);
}

namespace {

// Infinities, which have no interval, and per-sample metrics whose means are over different samples.
void add_odd_values(const Comparison& comparison, std::vector<std::string>& lines) {
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      const auto& metric = part.metrics[i];
      int64_t least = 0, most = 0;
      for (const auto& row : part.rows) {
        if (!row.values[i]) continue;
        const auto& value = *row.values[i];
        if (!value.infinite_seeds.empty())
          lines.push_back(fmt::format("{} {}: {} is infinite at {}: no interval", part.name, metric.name, fmt::join(row.cells, " = "),
                                      seeds_text(value.infinite_seeds)));
        least = most == 0 ? value.least_samples : std::min(least, value.least_samples);
        most = std::max(most, value.most_samples);
      }
      if (metric.by_sample && least != most)
        lines.push_back(
            fmt::format("{} {}: means are over {} to {} samples, not the same ones everywhere; paired by sample, only those count "
                        "that both have",
                        part.name, metric.name, least, most));
    }
}

}  // namespace

std::string left_out_text(const Comparison& comparison, size_t width) {
  std::vector<std::string> lines;
  for (const auto& one : comparison.excluded)
    lines.push_back(fmt::format("{}/{}: {} {}{}{}", one.cell, one.seed, one.slot, one.state, one.error.empty() ? "" : ": " + one.error,
                                one.parts.empty() ? "" : fmt::format(" (not evaluated: {})", fmt::join(one.parts, ", "))));
  for (const auto& part : comparison.parts)
    for (size_t i = 0; i < part.metrics.size(); ++i)
      for (const auto& row : part.rows)
        if (row.values[i] && !row.values[i]->nan_seeds.empty())
          lines.push_back(fmt::format("{} {}: {} is NaN at {}", part.name, part.metrics[i].name, fmt::join(row.cells, " = "),
                                      seeds_text(row.values[i]->nan_seeds)));
  add_odd_values(comparison, lines);
  if (lines.empty() && comparison.retired.empty() && comparison.retired_trials.empty() && comparison.removed_trials.empty()) return "";
  std::string text = "\nLeft out\n";
  for (size_t i = 0; i < std::min(lines.size(), kMostNamed); ++i) text += wrapped(lines[i], width, 2);
  if (lines.size() > kMostNamed) text += fmt::format("  and {} more: --json lists them all\n", lines.size() - kMostNamed);
  if (!comparison.removed_trials.empty())
    text += wrapped(fmt::format("Removed by hand (rm) though finished: {}", some_of(comparison.removed_trials)), width, 2);
  if (!comparison.retired_trials.empty())
    text +=
        wrapped(fmt::format("Finished, but of seeds that the last run does not ask for: {}", some_of(comparison.retired_trials)), width, 2);
  if (!comparison.retired.empty())
    text += wrapped(fmt::format("{} of older versions of the file with finished trials: tessera ls {} --retired",
                                counted(static_cast<int64_t>(comparison.retired.size()), "cell"), comparison.experiment),
                    width, 2);
  return text;
}

}  // namespace tessera
