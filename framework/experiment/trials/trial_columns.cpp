#include "experiment/trials/trial_columns.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/option_schema.hpp"
#include "experiment/trials/marks.hpp"

namespace tessera {
namespace {

constexpr const char* kProperties[] = {"state", "cell", "seed", "tag", "experiment"};

FilterValue value_of(const SQLite::Column& column) {
  if (column.isInteger()) return column.getInt64();
  if (column.isFloat()) return column.getDouble();
  return column.getString();
}

bool ends_with_key(const std::string& key, const std::string& end) {
  return key == end ||
         (key.size() > end.size() && key.compare(key.size() - end.size(), end.size(), end) == 0 && key[key.size() - end.size() - 1] == '.');
}

}  // namespace

TrialColumns::TrialColumns(SQLite::Database& database, std::optional<std::string> experiment)
    : database_(database), experiment_(std::move(experiment)) {}
TrialColumns::~TrialColumns() = default;

std::optional<double> TrialColumn::number(const TrialFacts& trial) const {
  const auto all = values(trial);
  if (all.empty()) return std::nullopt;
  if (const auto* real = std::get_if<double>(&all[0])) return *real;
  if (const auto* integer = std::get_if<int64_t>(&all[0])) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<TrialColumn> TrialColumns::property(const std::string& word) {
  TrialColumn column{word, false, "none", nullptr};
  if (word == "state") column.values = [](const TrialFacts& trial) { return FilterValues{trial.state}; };
  if (word == "cell") column.values = [](const TrialFacts& trial) { return FilterValues{trial.cell}; };
  if (word == "seed") column.values = [](const TrialFacts& trial) { return FilterValues{trial.seed}; };
  if (word == "experiment") column.values = [](const TrialFacts& trial) { return FilterValues{trial.experiment}; };
  if (word == "tag") {
    auto tags = std::make_shared<std::map<int64_t, std::vector<std::string>>>(tags_of_trials(database_));
    column.values = [tags](const TrialFacts& trial) {
      const auto found = tags->find(trial.id);
      return found == tags->end() ? FilterValues{} : FilterValues(found->second.begin(), found->second.end());
    };
  }
  if (!column.values) return std::nullopt;
  return column;
}

// "arm", "ablate", the name of a zip: as the experiment's file calls it. (The axis of a grid is called as its option.)
std::optional<TrialColumn> TrialColumns::axis(const std::string& word) {
  auto points = std::make_shared<Numbers>();
  SQLite::Statement row(database_,
                        "SELECT t.id, a.point FROM cell_axis a JOIN cell c ON c.id = a.cell JOIN experiment e ON e.id = c.experiment "
                        "JOIN trial t ON t.cell = c.id WHERE a.axis = ?1 AND (?2 IS NULL OR e.name = ?2)");
  row.bind(1, word);
  if (experiment_) row.bind(2, *experiment_);
  while (row.executeStep()) (*points)[row.getColumn(0).getInt64()] = {row.getColumn(1).getString()};
  if (points->empty()) return std::nullopt;
  return TrialColumn{word, false, "none", [points](const TrialFacts& trial) {
                       const auto found = points->find(trial.id);
                       return found == points->end() ? FilterValues{} : found->second;
                     }};
}

const std::vector<std::string>& TrialColumns::option_keys() {
  if (keys_) return *keys_;
  keys_.emplace();
  SQLite::Statement row(database_,
                        "SELECT DISTINCT o.key FROM option o JOIN cell c ON c.id = o.cell JOIN experiment e ON e.id = c.experiment "
                        "WHERE ?1 IS NULL OR e.name = ?1 ORDER BY 1");
  if (experiment_) row.bind(1, *experiment_);
  while (row.executeStep()) keys_->push_back(row.getColumn(0).getString());
  return *keys_;
}

// "prior.layers" in full; "prior" for prior.plugin; "layers" for the end of one key.
std::optional<TrialColumn> TrialColumns::option(const std::string& word, bool exact, std::vector<std::string>& several) {
  std::vector<std::string> keys;
  const auto collect = [&](const std::string& end) {
    for (const auto& key : option_keys())
      if (exact ? key == end : ends_with_key(key, end)) keys.push_back(key);
  };
  collect(word);
  if (!exact && std::find(keys.begin(), keys.end(), word) == keys.end()) {
    auto plain = std::move(keys);
    keys.clear();
    collect(word + ".plugin");
    if (keys.empty()) keys = std::move(plain);
  }
  if (keys.size() > 1) several = keys;
  if (keys.size() != 1) return std::nullopt;
  auto numbers = std::make_shared<Numbers>();
  SQLite::Statement row(database_, "SELECT t.id, o.value FROM trial t CROSS JOIN option o WHERE o.cell = t.cell AND o.key = ?");
  row.bind(1, keys[0]);
  while (row.executeStep())
    if (!row.isColumnNull(1)) (*numbers)[row.getColumn(0).getInt64()] = {value_of(row.getColumn(1))};
  return TrialColumn{keys[0], false, "none", [numbers](const TrialFacts& trial) {
                       const auto found = numbers->find(trial.id);
                       return found == numbers->end() ? FilterValues{} : found->second;
                     }};
}

// Every slot with every metric of its kind: which of them exist is asked when their values are.
const std::vector<MetricName>& TrialColumns::metric_names() {
  if (names_) return *names_;
  names_.emplace();
  std::map<std::string, std::vector<std::string>> slots;  // by kind of stage
  SQLite::Statement slot(database_, "SELECT DISTINCT slot FROM trial_stage ORDER BY 1");
  while (slot.executeStep()) {
    const auto name = slot.getColumn(0).getString();
    slots[name.substr(0, name.find('.'))].push_back(name);
  }
  SQLite::Statement row(database_, "SELECT id, kind, name, axis = 'sample', goal FROM metric ORDER BY kind, name, revision");
  while (row.executeStep()) {
    const auto goal = row.getColumn(4).getString();
    goals_[row.getColumn(0).getInt64()] = goal;
    for (const auto& name : slots[row.getColumn(1).getString()])
      names_->push_back(
          {row.getColumn(0).getInt64(), name, row.getColumn(2).getString(), metric_rank(name, row.getColumn(3).getInt() != 0, goal)});
  }
  return *names_;
}

// Of published stages. A metric of two revisions has two ids; they are two metrics.
std::map<std::pair<std::string, int64_t>, TrialColumns::Numbers> TrialColumns::metric_values(const std::vector<MetricName>& names) {
  std::set<std::string> slots;
  std::set<int64_t> ids;
  for (const auto& name : names) slots.insert(name.slot), ids.insert(name.id);
  std::map<std::pair<std::string, int64_t>, Numbers> found;
  for (const auto& slot : slots) {
    SQLite::Statement row(
        database_,
        fmt::format(
            "SELECT x.trial, y.metric, CASE m.axis WHEN 'sample' THEN y.sum / nullif(y.n - y.n_nan, 0) ELSE y.last END FROM trial_stage x "
            "CROSS JOIN stage s ON s.id = x.stage CROSS JOIN summary y ON y.stage = x.stage AND y.metric IN ({}) "
            "CROSS JOIN metric m ON m.id = y.metric WHERE x.slot = ?1 AND s.published IS NOT NULL AND (?2 IS NULL OR x.trial IN (SELECT "
            "t.id "
            "FROM experiment e JOIN cell c ON c.experiment = e.id JOIN trial t ON t.cell = c.id WHERE e.name = ?2))",
            fmt::join(ids, ", ")));
    row.bind(1, slot);
    if (experiment_) row.bind(2, *experiment_);
    while (row.executeStep()) {
      auto& numbers = found[{slot, row.getColumn(1).getInt64()}];
      if (!row.isColumnNull(2)) numbers[row.getColumn(0).getInt64()] = {row.getColumn(2).getDouble()};
    }
  }
  return found;
}

std::optional<TrialColumn> TrialColumns::metric(const std::string& word, bool exact, std::vector<std::string>& several) {
  const auto is_exact = [&](const MetricName& one) { return one.name == word || one.word() == word; };
  std::optional<MetricName> without_values;
  for (const auto& meant : metrics_meant(word, metric_names())) {
    if (exact && !is_exact(meant[0])) break;
    const auto values = metric_values(meant);
    std::vector<MetricName> there;
    for (const auto& one : meant)
      if (values.count({one.slot, one.id})) there.push_back(one);
    if (there.size() > 1) {
      for (const auto& one : there) several.push_back(one.word());
      return std::nullopt;
    }
    if (there.empty() && meant.size() == 1 && !without_values) without_values = meant[0];
    if (there.empty()) continue;
    auto numbers = std::make_shared<Numbers>(values.at({there[0].slot, there[0].id}));
    return TrialColumn{there[0].part() + " " + there[0].name, true, goals_.at(there[0].id), [numbers](const TrialFacts& trial) {
                         const auto found = numbers->find(trial.id);
                         return found == numbers->end() ? FilterValues{} : found->second;
                       }};
  }
  if (exact || !without_values) return std::nullopt;
  // Known, and nothing has it yet.
  return TrialColumn{without_values->part() + " " + without_values->name, true, goals_.at(without_values->id),
                     [](const TrialFacts&) { return FilterValues{}; }};
}

TrialColumn TrialColumns::column(const std::string& word, const Refuse& refuse) {
  if (auto found = property(word)) return *found;
  std::vector<std::string> several;
  for (const bool exact : {true, false}) {
    if (auto found = option(word, exact, several)) return *found;
    if (!several.empty()) break;
    if (auto found = metric(word, exact, several)) return *found;
    if (several.empty()) continue;
    // An option is meant as often as the curve of its name: "lr".
    std::vector<std::string> options;
    if (const auto one = option(word, false, options)) options = {one->title};
    if (options.empty()) break;
    refuse(fmt::format("found '{}', which may be {} (options), or {} (metrics)", word, listed(options), listed(several)));
  }
  if (!several.empty()) refuse(fmt::format("found '{}', which may be {}", word, listed(several)));
  if (auto found = axis(word)) return *found;
  std::vector<std::string> known(std::begin(kProperties), std::end(kProperties));
  known.insert(known.end(), option_keys().begin(), option_keys().end());
  for (const auto& key : option_keys()) known.push_back(key.substr(key.rfind('.') + 1));
  for (const auto& name : metric_names()) {
    known.push_back(name.name), known.push_back(name.word());
    known.push_back(name.name.substr(0, name.name.find('_')));
  }
  const auto near = did_you_mean(word, known);
  refuse(fmt::format("found '{}', expected an option's key, an axis, a metric, {}{}", word,
                     fmt::join(std::begin(kProperties), std::end(kProperties), ", "),
                     near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
  return {};
}

namespace {

// As v_trial has them.
const std::vector<std::string> kStates = {"done", "failed", "running", "interrupted", "pruned", "waiting"};

// Text that could be read as a number is compared as one.
bool is_text(const FilterValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text && (text->empty() || std::string("+-.0123456789").find(text->front()) == std::string::npos);
}

// What can hold for no trial at all is a slip of the pen.
void check_term(const TrialFilter& filter, const FilterTerm& term, const TrialColumn& column, const std::vector<TrialFacts>& trials) {
  const auto expected_number = [&](const std::string& what) {
    const bool nan = term.value == "nan" || term.value == "NaN";
    filter.refuse(term.value_at, fmt::format("found '{}', expected a number: {}{}", term.value, what,
                                             nan ? "; `tessera query @nan` lists what is NaN" : ""));
  };
  if (column.metric && !term.number) expected_number(column.title + " is a metric");
  if (column.metric || term.op == FilterOperator::contains) return;
  const bool ordering = term.op != FilterOperator::equal && term.op != FilterOperator::differs;
  const bool truth = term.value == "true" || term.value == "false";
  if (column.title == "state" && !ordering && std::find(kStates.begin(), kStates.end(), term.value) == kStates.end()) {
    const auto near = did_you_mean(term.value, kStates);
    filter.refuse(term.value_at, fmt::format("found '{}', expected a state: {}{}", term.value, fmt::join(kStates, ", "),
                                             near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
  }
  bool any_text = false, any_number = false;
  std::set<std::string> texts;
  for (const auto& trial : trials)
    for (const auto& value : column.values(trial)) {
      (is_text(value) ? any_text : any_number) = true;
      if (const auto* text = std::get_if<std::string>(&value)) texts.insert(*text);
    }
  if (ordering && any_text && !any_number)
    filter.refuse(term.name_at, fmt::format("found an order of '{}', expected =, != or ~: its values are text", term.name));
  if (!ordering && any_number && !any_text && !term.number && !truth) expected_number(column.title + " is one");
  // What no trial has is an answer, not an error; unless it is nearly what some have. A tag may be asked for before it is given.
  if (column.title == "state" || column.title == "tag" || term.op != FilterOperator::equal) return;
  if (any_text && !any_number && !texts.count(term.value)) {
    constexpr size_t kShown = 8;
    std::vector<std::string> known(texts.begin(), texts.end());
    const auto near = did_you_mean(term.value, known);
    if (!near) return;
    const auto more = known.size() > kShown ? fmt::format(" and {} more", known.size() - kShown) : std::string();
    known.resize(std::min(known.size(), kShown));
    filter.refuse(term.value_at, fmt::format("found '{}', which no trial has in {}, expected one of {}{}; did you mean \"{}\"?", term.value,
                                             column.title, fmt::join(known, ", "), more, *near));
  }
}

}  // namespace

std::vector<size_t> select_trials(const TrialFilter& filter, TrialColumns& columns, const std::vector<TrialFacts>& trials,
                                  std::vector<TrialColumn>& metrics) {
  std::vector<TrialColumn> of_term;
  for (const auto& term : filter.terms()) {
    of_term.push_back(columns.column(term.name, [&](const std::string& what) { filter.refuse(term.name_at, what); }));
    const auto& column = of_term.back();
    const bool seen = std::any_of(metrics.begin(), metrics.end(), [&](const TrialColumn& one) { return one.title == column.title; });
    if (column.metric && !seen) metrics.push_back(column);
    check_term(filter, term, column, trials);
  }
  std::vector<size_t> kept;
  for (size_t i = 0; i < trials.size(); ++i)
    if (filter.matches([&](size_t term) { return filter.terms()[term].holds(of_term[term].values(trials[i])); })) kept.push_back(i);
  return kept;
}

}  // namespace tessera
