#include "experiment/run/pruning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera {
namespace {

// Of numbers; the mean of the middle two where their count is even.
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

std::optional<std::string> Pruner::report(const std::string& group, const std::string& training, int64_t step, double value) {
  auto& all = groups_[group];
  auto& own = all[training];
  if (!own.values.emplace(step, value).second) return std::nullopt;  // told before, by an earlier attempt
  return policy_.rule == "asha" ? asha(all, own, step, value) : policy_.rule == "median" ? median(all, own, step) : std::nullopt;
}

std::optional<std::string> Pruner::median(const Group& group, const Training& training, int64_t step) const {
  int64_t complete = 0;
  std::vector<double> there;
  for (const auto& [key, other] : group) {
    if (!other.complete) continue;
    ++complete;
    if (const auto at = other.values.find(step); at != other.values.end() && !std::isnan(at->second)) there.push_back(at->second);
  }
  if (complete < policy_.startup || step < policy_.first_step) return std::nullopt;
  double best = std::numeric_limits<double>::infinity();
  bool any = false;
  for (const auto& [at, value] : training.values)
    if (!std::isnan(value)) best = std::min(best, value), any = true;
  if (!any) return fmt::format("{} has been no number up to step {}", policy_.metric, step);
  if (there.empty()) return std::nullopt;
  const double middle = median_of(there);
  if (best <= middle) return std::nullopt;
  return fmt::format("its best {} up to step {} is {:.4g}, above {:.4g}, the median of {} complete ones there", policy_.metric, step, best,
                     middle, there.size());
}

std::optional<std::string> Pruner::asha(const Group& group, Training& training, int64_t step, double value) const {
  for (;;) {
    const auto rung = training.rungs.size();
    const double reach = static_cast<double>(std::max<int64_t>(1, policy_.first_step)) *
                         std::pow(static_cast<double>(policy_.factor), static_cast<double>(rung));
    if (static_cast<double>(step) < reach) return std::nullopt;
    if (std::isnan(value)) return fmt::format("{} is no number at step {}", policy_.metric, step);
    training.rungs.push_back(value);
    std::vector<double> there;
    for (const auto& [key, other] : group)
      if (other.rungs.size() > rung) there.push_back(other.rungs[rung]);
    std::sort(there.begin(), there.end());
    const auto goes_on = std::max<size_t>(1, there.size() / static_cast<size_t>(policy_.factor));
    if (value > there[goes_on - 1])
      return fmt::format("its {} at step {} is {:.4g}; rung {} of asha lets the best {} of {} go on, to {:.4g}", policy_.metric, step,
                         value, rung, goes_on, there.size(), there[goes_on - 1]);
  }
}

}  // namespace tessera
