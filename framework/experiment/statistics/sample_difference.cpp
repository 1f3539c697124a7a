#include "experiment/statistics/sample_difference.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace tessera {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kFewestPairs = 3;  // from which on both sources of spread are told apart

// Every index that one of the lists has, ascending.
std::vector<int64_t> indices_of(const std::vector<SampleValues>& all) {
  std::vector<int64_t> indices;
  for (const auto& list : all)
    for (const auto& [index, value] : list) indices.push_back(index);
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

// The value at this index, with `place` moved there; NaN where there is none. Indices are asked in ascending order.
double at_index(const SampleValues& list, size_t& place, int64_t index) {
  while (place < list.size() && list[place].first < index) ++place;
  return place < list.size() && list[place].first == index ? list[place].second : kNan;
}

// The rows of a table without holes: d[g][i] for the samples that all lists have a number of.
std::vector<std::vector<double>> whole_table(const std::vector<SampleValues>& all, const std::vector<int64_t>& indices) {
  std::vector<std::vector<double>> table(all.size());
  std::vector<size_t> places(all.size(), 0);
  std::vector<double> column(all.size());
  for (const int64_t index : indices) {
    for (size_t g = 0; g < all.size(); ++g) column[g] = at_index(all[g], places[g], index);
    if (std::any_of(column.begin(), column.end(), [](double value) { return std::isnan(value); })) continue;
    for (size_t g = 0; g < all.size(); ++g) table[g].push_back(column[g]);
  }
  return table;
}

// Of the mean of a table with crossed random rows and columns; see the header.
std::optional<double> half_width_of_both(const std::vector<std::vector<double>>& table, const std::vector<double>& row_means,
                                         const std::vector<double>& column_means, double mean) {
  const double rows = static_cast<double>(row_means.size()), columns = static_cast<double>(column_means.size());
  double by_row = 0, by_column = 0, residual = 0;
  for (double value : row_means) by_row += columns * (value - mean) * (value - mean);
  for (double value : column_means) by_column += rows * (value - mean) * (value - mean);
  for (size_t g = 0; g < table.size(); ++g)
    for (size_t i = 0; i < column_means.size(); ++i) {
      const double left = table[g][i] - row_means[g] - column_means[i] + mean;
      residual += left * left;
    }
  const double row_degrees = rows - 1, column_degrees = columns - 1, residual_degrees = row_degrees * column_degrees;
  by_row /= row_degrees, by_column /= column_degrees, residual /= residual_degrees;
  const double variance = by_row + by_column - residual;
  if (!(variance > std::max(by_row, by_column))) return 0;  // one source alone explains it: its own interval is the wider one
  const double degrees = variance * variance /
                         (by_row * by_row / row_degrees + by_column * by_column / column_degrees + residual * residual / residual_degrees);
  if (!std::isfinite(variance) || !std::isfinite(degrees)) return std::nullopt;
  const boost::math::students_t distribution(degrees);
  return boost::math::quantile(distribution, 0.975) * std::sqrt(variance / (rows * columns));
}

}  // namespace

SampleValues subtract(const SampleValues& values, const SampleValues& base) {
  SampleValues differences;
  size_t a = 0, b = 0;
  for (const int64_t index : indices_of({values, base})) {
    const double value = at_index(values, a, index), from = at_index(base, b, index);
    differences.emplace_back(index, value - from);
  }
  return differences;
}

SampleValues mean_by_sample(const std::vector<SampleValues>& all) {
  if (all.size() == 1) return all[0];
  SampleValues means;
  std::vector<size_t> places(all.size(), 0);
  for (const int64_t index : indices_of(all)) {
    double sum = 0;
    for (size_t g = 0; g < all.size(); ++g) sum += at_index(all[g], places[g], index);
    means.emplace_back(index, sum / static_cast<double>(all.size()));
  }
  return means;
}

SampleDifference sample_difference(const std::vector<SampleValues>& differences) {
  SampleDifference result;
  const auto indices = indices_of(differences);
  const auto table = whole_table(differences, indices);
  const size_t samples = table.empty() ? 0 : table[0].size();
  result.samples = static_cast<int64_t>(samples);
  result.left_out = static_cast<int64_t>(indices.size() - samples);
  if (samples == 0) return result;

  std::vector<double> of_pairs(table.size(), 0), of_samples(samples, 0);
  for (size_t g = 0; g < table.size(); ++g)
    for (size_t i = 0; i < samples; ++i) {
      of_pairs[g] += table[g][i] / static_cast<double>(samples);
      of_samples[i] += table[g][i] / static_cast<double>(table.size());
    }
  result.these_models = estimate(of_samples);
  result.other_trainings = paired_difference(of_pairs);
  const auto &models = result.these_models.half_width, &trainings = result.other_trainings.estimate.half_width;
  if (table.size() < kFewestPairs || !models || !trainings) return result;
  if (const auto both = half_width_of_both(table, of_pairs, of_samples, result.these_models.mean))
    result.both_half_width = std::max({*both, *models, *trainings});
  return result;
}

}  // namespace tessera
