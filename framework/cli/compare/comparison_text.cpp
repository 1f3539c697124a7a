#include "cli/compare/comparison_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/compare/difference_text.hpp"
#include "cli/text_table.hpp"

namespace tessera {
namespace {

std::string column_title(const ComparedMetric& metric) {
  std::string title = metric.name;
  if (metric.goal != "none") title += metric.goal == "max" ? " ↑" : " ↓";
  return metric.unit.empty() ? title : title + " " + metric.unit;
}

std::string row_title(const ComparedRow& row, bool part_has_one_row) {
  const bool shared = row.cells.size() > 1;
  std::string title = shared && part_has_one_row ? "all arms" : fmt::format("{}", fmt::join(row.cells, " = "));
  // What is not finished may be each cell's own.
  if (shared) title += fmt::format(" (the same {}stage{})", row.missing_seeds.empty() ? "" : "finished ", row.stages == 1 ? "" : "s");
  return row.baseline && !part_has_one_row ? title + " *" : title;
}

std::string value_text(const std::optional<ComparedValue>& value, int64_t stages) {
  if (!value) return "";
  std::string text = format_estimate(value->estimate);
  if (value->estimate.n + value->estimate.n_nan < stages) text += fmt::format(" (n {})", value->estimate.n);
  return text;
}

std::string difference_text(const std::optional<ComparedValue>& value) {
  return value && value->difference ? format_difference(*value->difference, value->estimate) : "";
}

struct Line {
  std::string title;
  const ComparedRow* row;
};

std::vector<Line> lines_of(const ComparedPart& part) {
  std::vector<Line> lines;
  for (const auto& row : part.rows) lines.push_back({row_title(row, part.rows.size() == 1), &row});
  for (const auto& row : part.calibration) lines.push_back({calibration_title(row), &row});
  return lines;
}

}  // namespace

std::string calibration_title(const ComparedRow& row) {
  return fmt::format("real data: {}{}", row.cells[0], row.pooled ? ", all tokenizers" : "");
}

bool is_heading(const ComparedPart& part, size_t metric) {
  if (part.metrics[metric].goal != "none") return false;
  for (const auto& row : part.rows)
    if (!row.values[metric] || row.values[metric]->estimate.mean != part.rows[0].values[metric]->estimate.mean) return false;
  return !part.rows.empty();
}

std::string part_heading(const ComparedPart& part) {
  std::string text = part.name;
  for (size_t i = 0; i < part.metrics.size(); ++i)
    if (is_heading(part, i)) text += fmt::format(" · {} {}", part.metrics[i].name, format_number(part.rows[0].values[i]->estimate.mean));
  return text;
}

namespace {

// A metric's text, line by line.
struct Column {
  std::string title;
  std::vector<std::string> values, differences;  // no differences where no line has one
  size_t width = 0;                              // with the gaps before it
};

Column column_of(const ComparedPart& part, const std::vector<Line>& lines, size_t metric) {
  Column column{column_title(part.metrics[metric]), {}, {}, 0};
  size_t width = display_width(column.title), difference = 0;
  for (const auto& line : lines) {
    column.values.push_back(value_text(line.row->values[metric], line.row->stages));
    column.differences.push_back(difference_text(line.row->values[metric]));
    width = std::max(width, display_width(column.values.back()));
    difference = std::max(difference, display_width(column.differences.back()));
  }
  if (difference == 0 || part.metrics[metric].count) column.differences.clear();
  column.width = width + 2 + (column.differences.empty() ? 0 : difference + 2);
  return column;
}

std::string part_text(const ComparedPart& part, size_t width) {
  const auto lines = lines_of(part);
  std::vector<Column> columns;
  for (size_t i = 0; i < part.metrics.size(); ++i)
    if (!is_heading(part, i)) columns.push_back(column_of(part, lines, i));
  std::string text = wrapped(part_heading(part), width, 0);
  size_t first_width = 10;
  for (const auto& line : lines) first_width = std::max(first_width, display_width(line.title) + 8);
  for (size_t begin = 0; begin < columns.size();) {
    size_t used = first_width + columns[begin].width, end = begin + 1;
    while (end < columns.size() && used + columns[end].width <= width) used += columns[end++].width;
    std::vector<TextColumn> titles = {{""}, {"n", true}};
    for (size_t i = begin; i < end; ++i) {
      titles.push_back({columns[i].title, true});
      if (!columns[i].differences.empty()) titles.push_back({"Δ", true});
    }
    TextTable table(std::move(titles));
    for (size_t n = 0; n < lines.size(); ++n) {
      std::vector<std::string> cells = {lines[n].title, std::to_string(lines[n].row->stages)};
      for (size_t i = begin; i < end; ++i) {
        cells.push_back(std::move(columns[i].values[n]));
        if (!columns[i].differences.empty()) cells.push_back(std::move(columns[i].differences[n]));
      }
      table.add(std::move(cells));
    }
    text += table.text(2, width);
    begin = end;
  }
  return text;
}

}  // namespace

std::string comparison_text(const Comparison& comparison, const CommonOptions& common, size_t width) {
  std::string text = comparison.experiment;
  if (!comparison.question.empty()) text += ": " + comparison.question;
  std::string legend = fmt::format("{} of {} trials done", comparison.trials_done, comparison.trials);
  legend += ". Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less";
  if (!comparison.baseline.empty()) legend += "; * baseline, Δ the difference from it, seed by seed";
  text = wrapped(text, width, 0) + wrapped(legend + ".", width, 0);
  for (const auto& part : comparison.parts) text += "\n" + part_text(part, width);
  if (comparison.parts.empty()) text += "\nNothing is evaluated yet.\n";
  text += differences_text(comparison, common, width) + sample_differences_text(comparison, width) + conditions_text(comparison, width);
  text += controls_text(comparison, width) + left_out_text(comparison, width);
  if (!comparison.cost.rows.empty()) text += "\n" + part_text(comparison.cost, width);
  return text;
}

}  // namespace tessera
