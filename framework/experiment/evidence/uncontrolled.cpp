#include "experiment/evidence/uncontrolled.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/text.hpp"
#include "experiment/describe/baselines.hpp"

namespace tessera {
namespace {

constexpr size_t kMostBudgets = 40;  // rows of information: a larger sweep is asked by query

// The keys in which two cells' options differ.
class OptionDifferences {
 public:
  OptionDifferences(SQLite::Database& database, const Evidence& evidence)
      : evidence_(evidence),
        row_(database,
             "SELECT key FROM (SELECT key, value FROM option WHERE cell = ?1 EXCEPT SELECT key, value FROM option WHERE cell = ?2) UNION "
             "SELECT key FROM (SELECT key, value FROM option WHERE cell = ?2 EXCEPT SELECT key, value FROM option WHERE cell = ?1)") {}

  const std::set<std::string>& of(size_t cell, size_t base) {
    const auto [found, is_new] = known_.try_emplace({cell, base});
    if (!is_new) return found->second;
    row_.reset();
    row_.bind(1, evidence_.cell_ids[cell]);
    row_.bind(2, evidence_.cell_ids[base]);
    while (row_.executeStep()) found->second.insert(row_.getColumn(0).getString());
    return found->second;
  }

 private:
  const Evidence& evidence_;
  SQLite::Statement row_;
  std::map<std::pair<size_t, size_t>, std::set<std::string>> known_;
};

// The options that explain a fact, out of those that differ; empty where none does.
std::string explained(const std::string& fact, const std::string& kind, const std::set<std::string>& options) {
  const auto any = [&](const std::string& prefix) {
    const auto found = options.lower_bound(prefix);
    return found != options.end() && found->rfind(prefix, 0) == 0 ? *found : std::string();
  };
  if (fact == "steps") {
    const auto steps = any(kind + ".train.steps");
    return steps.empty() ? any(kind + ".train.patience") : steps;
  }
  if (fact == "data") return any("data.");
  if (fact == "device" || fact == "numerics.device") return any("numerics.device");
  return fact.rfind("numerics.", 0) == 0 ? any(fact) : std::string();
}

class Collector {
 public:
  Collector(SQLite::Database& database, const Evidence& evidence, const StageFacts& facts)
      : evidence_(evidence), facts_(facts), options_(database, evidence), first_(evidence.cells.size() * evidence.slots.size()) {}

  void compare(const EvidenceTrial& trial, const EvidenceTrial& base) {
    for (const auto& [slot, stage] : trial.stages)
      for (const auto& [base_slot, base_stage] : base.stages) {
        if (slot != base_slot || stage == base_stage) continue;
        if (!evidence_.stages.at(stage).done || !evidence_.stages.at(base_stage).done) continue;
        const auto& kind = evidence_.stages.at(stage).kind;
        for (const auto& [fact, values] : facts_.differences(stage, base_stage)) {
          const auto follows = explained(fact, kind, options_.of(trial.cell, base.cell));
          add(trial, base.cell, fact, values, slot, follows, FactDifference::against);
        }
      }
  }

  void resumed(const EvidenceTrial& trial) {
    for (const auto& [slot, stage] : trial.stages)
      for (const auto& [fact, values] : facts_.changes_within(stage))
        add(trial, trial.cell, fact, values, slot, "", FactDifference::within);
  }

  // Against the first finished stage of the cell in each slot. How long a training went on may depend on the seed.
  void between(const EvidenceTrial& trial) {
    for (const auto& [slot, stage] : trial.stages) {
      if (!evidence_.stages.at(stage).done) continue;
      auto& first = first_[trial.cell * evidence_.slots.size() + slot];
      if (first == 0) first = stage;  // ids begin at 1
      if (first == stage) continue;
      for (const auto& [fact, values] : facts_.differences(stage, first))
        if (fact != "steps") add(trial, trial.cell, fact, values, slot, "", FactDifference::between);
    }
  }

  std::vector<FactDifference> list() {
    std::vector<FactDifference> all;
    for (auto& [key, difference] : found_) {
      const auto same = std::find_if(all.begin(), all.end(), [&one = difference](const auto& other) {
        return one.where != FactDifference::within &&
               std::tie(one.from, one.fact, one.value, one.from_value, one.slots, one.seeds, one.follows, one.where) ==
                   std::tie(other.from, other.fact, other.value, other.from_value, other.slots, other.seeds, other.follows, other.where);
      });
      if (same == all.end())
        all.push_back(std::move(difference));
      else
        same->cells.push_back(difference.cells[0]);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return is_uncontrolled(a) > is_uncontrolled(b); });
    return all;
  }

 private:
  using Key = std::tuple<size_t, size_t, std::string, std::string, std::string, FactDifference::Where>;

  void add(const EvidenceTrial& trial, size_t base, const std::string& fact, const std::pair<std::string, std::string>& values, size_t slot,
           const std::string& follows, FactDifference::Where where) {
    auto& one = found_[Key{trial.cell, base, fact, values.first, values.second, where}];
    if (one.fact.empty())
      one = {{evidence_.cells[trial.cell]},
             where == FactDifference::between ? "" : evidence_.cells[base],
             fact,
             values.first,
             values.second,
             {},
             {},
             follows,
             where};
    const auto& name = evidence_.slots[slot];
    if (std::find(one.slots.begin(), one.slots.end(), name) == one.slots.end()) one.slots.push_back(name);
    if (std::find(one.seeds.begin(), one.seeds.end(), trial.seed) == one.seeds.end()) one.seeds.push_back(trial.seed);
  }

  const Evidence& evidence_;
  const StageFacts& facts_;
  OptionDifferences options_;
  std::map<Key, FactDifference> found_;
  std::vector<int64_t> first_;  // by cell and slot: a stage
};

std::vector<Budget> budgets_of(SQLite::Database& database, const Evidence& evidence) {
  SQLite::Statement bytes(
      database, "SELECT coalesce(sum(a.bytes), 0) FROM artifact a JOIN stage s ON s.id = a.stage AND s.published = a.run WHERE s.id = ?");
  std::vector<Budget> all;
  for (const std::string slot : {"tokenizer", "prior"}) {
    std::set<size_t> cells;
    std::set<std::pair<int64_t, int64_t>> kinds;
    std::vector<Budget> budgets;
    for (const auto& trial : evidence.trials)
      for (const auto& [place, id] : trial.stages) {
        const auto& stage = evidence.stages.at(id);
        if (evidence.slots[place] != slot || !stage.done || cells.size() > kMostBudgets || !cells.insert(trial.cell).second) continue;
        bytes.reset();
        bytes.bind(1, id);
        bytes.executeStep();
        budgets.push_back({evidence.cells[trial.cell], slot, stage.steps, bytes.getColumn(0).getInt64()});
        kinds.emplace(stage.steps, budgets.back().weights_bytes);
      }
    if (kinds.size() > 1 && cells.size() <= kMostBudgets) all.insert(all.end(), budgets.begin(), budgets.end());
  }
  return all;
}

}  // namespace

bool is_uncontrolled(const FactDifference& difference) { return difference.follows.empty() && difference.where != FactDifference::between; }

size_t Controls::uncontrolled() const {
  return static_cast<size_t>(std::count_if(differences.begin(), differences.end(), is_uncontrolled));
}

Controls controls_of(SQLite::Database& database, const Evidence& evidence, const StageFacts& facts, const std::vector<size_t>& baselines) {
  Collector collector(database, evidence, facts);
  std::map<std::pair<size_t, int64_t>, const EvidenceTrial*> by_place;
  std::vector<const EvidenceTrial*> first(evidence.cells.size(), nullptr);
  for (const auto& trial : evidence.trials) {
    by_place[{trial.cell, trial.seed}] = &trial;
    if (!first[trial.cell]) first[trial.cell] = &trial;
  }
  std::vector<bool> paired(evidence.cells.size(), false);
  // Cells that no baseline matches are held against the first one: what differs is worth knowing there too.
  const auto base_of = [&](size_t cell) { return baselines[cell] == kNoCell ? size_t{0} : baselines[cell]; };
  for (const auto& trial : evidence.trials) {
    collector.resumed(trial);
    collector.between(trial);
    const size_t base = base_of(trial.cell);
    if (base == trial.cell) continue;
    const auto other = by_place.find({base, trial.seed});
    if (other == by_place.end()) continue;
    paired[trial.cell] = true;
    collector.compare(trial, *other->second);
  }
  for (size_t cell = 0; cell < first.size(); ++cell)
    if (const size_t base = base_of(cell); !paired[cell] && base != cell && first[cell] && first[base])
      collector.compare(*first[cell], *first[base]);
  return {collector.list(), budgets_of(database, evidence)};
}

std::string sentence(const FactDifference& d) {
  const auto where = fmt::format("in {} at seed{} {}", fmt::join(d.slots, ", "), d.seeds.size() == 1 ? "" : "s", fmt::join(d.seeds, ", "));
  const auto or_none = [](const std::string& value) { return value.empty() ? std::string("none") : value; };
  if (d.where == FactDifference::between)
    return fmt::format("{}: {} {}, not {} as at the first seed, {}: between seeds, not within pairs", some_of(d.cells), d.fact,
                       or_none(d.value), or_none(d.from_value), where);
  if (d.where == FactDifference::within)
    return fmt::format("{}: resumed with another {}: {} after {}, {}", d.from, d.fact, or_none(d.value), or_none(d.from_value), where);
  return fmt::format("{} against {}: {} {}, not {}, {}", fmt::join(d.cells, ", "), d.from, d.fact, or_none(d.value), or_none(d.from_value),
                     where);
}

Json to_json(const Controls& controls) {
  Json differences = Json::array(), budgets = Json::array();
  for (const auto& d : controls.differences) {
    Json one = {{"cells", d.cells},
                {"from", d.from},
                {"fact", d.fact},
                {"value", d.value},
                {"from_value", d.from_value},
                {"stages", d.slots},
                {"seeds", d.seeds},
                {"resumed", d.where == FactDifference::within},
                {"uncontrolled", is_uncontrolled(d)}};
    if (d.where == FactDifference::between) one["between_seeds"] = true;
    if (!d.follows.empty()) one["follows"] = d.follows;
    differences.push_back(std::move(one));
  }
  for (const auto& b : controls.budgets)
    budgets.push_back({{"cell", b.cell}, {"stage", b.slot}, {"steps", b.steps}, {"weights_bytes", b.weights_bytes}});
  return {{"differences", std::move(differences)}, {"uncontrolled", controls.uncontrolled()}, {"budgets", std::move(budgets)}};
}

}  // namespace tessera
