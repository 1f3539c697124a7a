#include "experiment/compare/comparison.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "experiment/compare/comparison_notes.hpp"
#include "experiment/compare/comparison_part.hpp"
#include "experiment/compare/frontier.hpp"
#include "experiment/compare/more_seeds.hpp"
#include "experiment/compare/sample_comparison.hpp"
#include "experiment/evidence/evidence.hpp"
#include "experiment/trials/metric_words.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

ComparedMetric compared(const EvidenceMetric& metric) {
  const bool count = metric.goal == "none" && metric.unit.empty() && !metric.by_sample && metric.definition.rfind("Number of ", 0) == 0;
  return {metric.name,      metric.goal, metric.unit, metric.definition, metric.revision, metric.timing, metric.kind == "samples",
          metric.by_sample, count};
}

// Two revisions of a metric are two metrics: the newer one has the name.
void name_revisions(ComparedPart& part) {
  const auto names = part.metrics;
  for (auto& metric : part.metrics)
    if (std::any_of(names.begin(), names.end(),
                    [&](const auto& other) { return other.name == metric.name && other.revision > metric.revision; }))
      metric.name += fmt::format(" (revision {})", metric.revision);
}

// Part → names of its metrics.
using NamesOfPart = std::map<std::string, std::vector<std::string>>;

// Every metric of every slot that has a number.
std::vector<MetricName> metric_names(const Evidence& evidence) {
  std::vector<std::set<int64_t>> of_slot(evidence.slots.size());
  for (const auto& trial : evidence.trials)
    for (const auto& [slot, stage] : trial.stages)
      for (const auto& one : evidence.stages.at(stage).values) of_slot[slot].insert(one.metric);
  std::vector<MetricName> names;
  for (size_t slot = 0; slot < of_slot.size(); ++slot) {
    if (evidence.slots[slot] == kCalibration) continue;
    for (const int64_t id : of_slot[slot]) {
      const auto& metric = evidence.metrics.at(id);
      names.push_back({id, evidence.slots[slot], metric.name, metric_rank(evidence.slots[slot], metric.by_sample, metric.goal)});
    }
  }
  return names;
}

// What the words ask for; empty where there are none.
NamesOfPart asked_for(const Evidence& evidence, const ComparisonRequest& request) {
  NamesOfPart asked;
  if (request.metrics.empty()) return asked;
  const auto names = metric_names(evidence);
  for (const auto& word : request.metrics)
    for (const auto& one : metrics_named(request.verb, word, names)) asked[part_of(one.slot)].push_back(one.name);
  return asked;
}

void add_parts(SQLite::Database& database, const Evidence& evidence, const ComparisonRequest& request, const NamesOfPart& asked,
               const std::vector<size_t>& baselines, const StageFacts& facts, Comparison& comparison) {
  const auto earlier = [](const std::string& a, const std::string& b) {
    return std::make_pair(pipeline_place(a), a) < std::make_pair(pipeline_place(b), b);
  };
  std::map<std::string, PartBuilder, decltype(earlier)> builders(earlier);
  struct SlotColumns {
    PartBuilder* builder = nullptr;
    std::unordered_map<int64_t, size_t> place;  // in the part, of a metric's id
  };
  std::vector<SlotColumns> columns(evidence.slots.size());
  for (const auto& trial : evidence.trials)
    for (const auto& [slot, stage] : trial.stages) {
      const auto& name = evidence.slots[slot];
      if (name == kCalibration) continue;
      for (const auto& [metric, value, n, numbers] : evidence.stages.at(stage).values) {
        auto& [builder, places] = columns[slot];
        if (!builder) builder = &builders.try_emplace(part_of(name), part_of(name), evidence, baselines).first->second;
        const auto [place, is_new] = places.try_emplace(metric);
        if (is_new) place->second = builder->place(compared(evidence.metrics.at(metric)));
        builder->add(trial.cell, trial.seed, stage, place->second, value, numbers);
      }
    }
  for (auto& [name, builder] : builders) {
    auto& part = comparison.parts.emplace_back(builder.build());
    if (name.rfind("samples", 0) == 0) part.calibration = calibration_rows(evidence, part);
    const auto named = asked.find(name);
    if (!asked.empty() && named == asked.end()) continue;
    const auto names = asked.empty() ? std::vector<std::string>() : named->second;
    compare_samples(database, evidence, names, builder, part, comparison);
    if (request.frontiers == FrontierDetail::kNone) continue;
    auto frontiers = frontiers_of(facts, builder, part, names, request.frontiers == FrontierDetail::kRivals);
    std::move(frontiers.begin(), frontiers.end(), std::back_inserter(comparison.frontiers));
  }
}

// What a table shows when no metric is named: one number a stage, and counts of evidence.
bool shown_unasked(const ComparedMetric& metric) { return !metric.by_sample && (metric.goal != "none" || metric.count); }

void keep_metrics(ComparedPart& part, const std::vector<bool>& keep) {
  const auto filter = [&](auto& list) {
    size_t kept = 0;
    for (size_t i = 0; i < keep.size(); ++i)
      if (keep[i]) std::swap(list[kept++], list[i]);
    list.resize(kept);
  };
  filter(part.metrics);
  for (auto* rows : {&part.rows, &part.calibration})
    for (auto& row : *rows) filter(row.values);
}

// Where metrics are named: those, and beside them the counts of evidence.
void choose_metrics(Comparison& comparison, const NamesOfPart& asked) {
  for (auto& part : comparison.parts) {
    const auto named = asked.find(part.name);
    const auto names = named == asked.end() ? std::vector<std::string>() : named->second;
    std::vector<bool> keep;
    for (size_t i = 0; i < part.metrics.size(); ++i) {
      const auto& metric = part.metrics[i];
      const bool named_one = std::find(names.begin(), names.end(), metric.name) != names.end();
      keep.push_back(named_one || (asked.empty() ? shown_unasked(metric) : metric.count && !names.empty()));
    }
    keep_metrics(part, keep);
  }
  auto& parts = comparison.parts;
  parts.erase(std::remove_if(parts.begin(), parts.end(), [](const auto& part) { return part.metrics.empty(); }), parts.end());
}

// A column a slot: with several requests a cell has several samples stages at one seed.
ComparedPart cost_of(const Evidence& evidence, const StageFacts& facts) {
  std::vector<size_t> slots(evidence.slots.size());
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = i;
  std::sort(slots.begin(), slots.end(), [&](size_t a, size_t b) {
    return std::make_pair(pipeline_place(evidence.slots[a]), evidence.slots[a]) <
           std::make_pair(pipeline_place(evidence.slots[b]), evidence.slots[b]);
  });
  const std::vector<size_t> no_baselines(evidence.cells.size(), kNoCell);
  PartBuilder builder("cost", evidence, no_baselines);
  for (const size_t slot : slots) {
    const ComparedMetric metric{evidence.slots[slot], "min", "cpu s", "Processor seconds of this stage, all its runs together.", 1, true};
    for (const auto& trial : evidence.trials)
      for (const auto& [used, stage] : trial.stages) {
        if (used != slot) continue;
        const auto& about = evidence.stages.at(stage);
        if (about.done && about.kind != "evaluation")
          builder.add(trial.cell, trial.seed, stage, builder.place(metric), facts.cpu_seconds(stage));
      }
  }
  return builder.build();
}

// Equal where two connections see the same state of the ledger.
std::string recorded(SQLite::Database& database) {
  SQLite::Statement row(database, "SELECT count(*) || ' journals, ' || total(offset) || ' bytes' FROM journal");
  row.executeStep();
  return row.getColumn(0).getString();
}

// Half of the time goes into reading: values are read by this thread; facts by another one, by a connection of its own, where that one sees
// the same state.
StageFacts read_facts_and_values(SQLite::Database& database, Evidence& evidence) {
  std::optional<SQLite::Database> second;
  try {
    second = open_read_only(sqlite3_db_filename(database.getHandle(), "main"));
    second->exec("BEGIN");
    if (recorded(*second) != recorded(database)) second.reset();
  } catch (const Error&) {
    second.reset();  // while a rebuild puts another file in its place
  }
  auto facts =
      std::async(second ? std::launch::async : std::launch::deferred, [&] { return StageFacts(second ? *second : database, evidence); });
  read_values(database, evidence);
  return facts.get();
}

void count_censored(Comparison& comparison) {
  const auto has = [](const auto& list, const std::string& name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  for (const auto& trial : comparison.excluded)
    for (auto& part : comparison.parts)
      for (auto& row : part.rows) row.censored += trial.censored && has(trial.parts, part.name) && has(row.cells, trial.cell);
}

}  // namespace

Comparison compare(SQLite::Database& database, const ComparisonRequest& request) {
  Comparison comparison;
  comparison.experiment = find_ledger_experiment(database, request.experiment);
  SQLite::Statement about(database,
                          "SELECT coalesce(question, ''), coalesce(baseline, ''), coalesce(source, '') FROM experiment WHERE name = ?1");
  about.bind(1, comparison.experiment);
  about.executeStep();
  comparison.question = about.getColumn(0).getString();
  comparison.baseline = about.getColumn(1).getString();
  comparison.source = about.getColumn(2).getString();

  auto evidence = read_evidence(database, comparison.experiment);
  const StageFacts facts = read_facts_and_values(database, evidence);
  comparison.excluded = excluded_trials(evidence);
  comparison.pinned = pinned_stages(evidence);
  comparison.retired = evidence.retired;
  comparison.retired_trials = evidence.retired_trials;
  comparison.removed_trials = evidence.removed_trials;
  comparison.trials = static_cast<int64_t>(evidence.trials.size());
  comparison.trials_done = comparison.trials - static_cast<int64_t>(comparison.excluded.size());
  const auto baselines = baselines_of(evidence.cells, comparison.baseline);
  for (size_t cell = 0; !comparison.baseline.empty() && cell < evidence.cells.size(); ++cell)
    if (baselines[cell] == kNoCell) comparison.unmatched.push_back(evidence.cells[cell]);
  const auto asked = asked_for(evidence, request);
  add_parts(database, evidence, request, asked, baselines, facts, comparison);
  choose_metrics(comparison, asked);
  for (auto& part : comparison.parts) name_revisions(part);
  count_censored(comparison);
  comparison.controls = controls_of(database, evidence, facts, baselines);
  comparison.cost = cost_of(evidence, facts);
  count_coming_pairs(evidence, comparison);
  comparison.more_seeds = more_seeds(comparison);
  comparison.notes = notes_of(comparison);
  return comparison;
}

std::string find_ledger_experiment(SQLite::Database& database, const std::string& word) {
  std::string wanted = word;
  // The path of the file is a name too.
  for (const std::string prefix : {"./", "experiments/"})
    if (wanted.rfind(prefix, 0) == 0) wanted = wanted.substr(prefix.size());
  if (wanted.size() > 5 && wanted.compare(wanted.size() - 5, 5, ".toml") == 0) wanted.resize(wanted.size() - 5);
  if (const std::string file = "/experiment";
      wanted.size() > file.size() && wanted.compare(wanted.size() - file.size(), file.size(), file) == 0)
    wanted.resize(wanted.size() - file.size());
  std::vector<std::string> names, ending;
  SQLite::Statement row(database, "SELECT name FROM experiment ORDER BY name");
  while (row.executeStep()) {
    names.push_back(row.getColumn(0).getString());
    if (names.back() == wanted) return wanted;
    const std::string tail = "/" + wanted;
    if (names.back().size() > tail.size() && names.back().compare(names.back().size() - tail.size(), tail.size(), tail) == 0)
      ending.push_back(names.back());
  }
  if (ending.size() == 1) return ending[0];
  const auto near = did_you_mean(wanted, names);
  throw Error(ExitCode::bad_config, names.empty()
                                        ? fmt::format("experiment '{}': the ledger has no experiments yet", word)
                                        : fmt::format("experiment '{}' is not in the ledger, which has {}{}", word, fmt::join(names, ", "),
                                                      near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace tessera
