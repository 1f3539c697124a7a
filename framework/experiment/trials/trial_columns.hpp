// What a word of `ls` means, and what each trial has there: an option, an axis, a metric, a tag, or one of the trial's own properties.
#pragma once
#include <SQLiteCpp/Database.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "experiment/trials/metric_words.hpp"
#include "experiment/trials/trial_filter.hpp"

namespace tessera {

// A trial as the list has it already.
struct TrialFacts {
  int64_t id = 0;
  std::string experiment, cell;
  int64_t seed = 0;
  std::string state;
};

struct TrialColumn {
  std::string title;  // "samples.free frechet_random_features", "prior.plugin", "state"
  bool metric = false;
  std::string goal;  // of a metric: min, max, none
  std::function<FilterValues(const TrialFacts&)> values;

  std::optional<double> number(const TrialFacts& trial) const;
};

class TrialColumns {
 public:
  // Of one experiment's trials, or of all.
  explicit TrialColumns(SQLite::Database& database, std::optional<std::string> experiment = std::nullopt);
  ~TrialColumns();

  // Calls `refuse` with "found 'frehet', expected …" where a word means nothing or more than one thing; that throws.
  using Refuse = std::function<void(const std::string& what)>;
  TrialColumn column(const std::string& word, const Refuse& refuse);

 private:
  using Numbers = std::unordered_map<int64_t, FilterValues>;  // trial → values

  std::optional<TrialColumn> property(const std::string& word);
  std::optional<TrialColumn> axis(const std::string& word);
  std::optional<TrialColumn> option(const std::string& word, bool exact, std::vector<std::string>& several);
  std::optional<TrialColumn> metric(const std::string& word, bool exact, std::vector<std::string>& several);
  const std::vector<std::string>& option_keys();
  const std::vector<MetricName>& metric_names();
  std::map<std::pair<std::string, int64_t>, Numbers> metric_values(const std::vector<MetricName>& names);

  SQLite::Database& database_;
  std::optional<std::string> experiment_;
  std::optional<std::vector<std::string>> keys_;
  std::optional<std::vector<MetricName>> names_;
  std::map<int64_t, std::string> goals_;  // metric → goal
};

// The trials for which the filter holds, by index; and the metrics that it names, in its order, each once.
std::vector<size_t> select_trials(const TrialFilter& filter, TrialColumns& columns, const std::vector<TrialFacts>& trials,
                                  std::vector<TrialColumn>& metrics);

}  // namespace tessera
