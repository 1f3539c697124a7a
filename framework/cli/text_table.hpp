// Aligned tables for the terminal, and numbers with as many digits as they are good for.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "experiment/statistics/statistics.hpp"

namespace tessera {

struct TextColumn {
  std::string title;
  bool right = false;  // numbers
};

class TextTable {
 public:
  explicit TextTable(std::vector<TextColumn> columns) : columns_(std::move(columns)) {}
  // Cells left out at the end are empty.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // A line of its own above the rows that follow; columns are as wide as their rows need.
  void heading(std::string text) { headings_.emplace_back(rows_.size(), std::move(text)); }
  bool empty() const { return rows_.empty(); }
  // Two spaces between columns, no lines, no trailing spaces; `indent` spaces in front.
  std::string text(size_t indent = 0) const;

 private:
  std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::pair<size_t, std::string>> headings_;  // before row
};

// Lines of at most `width` columns, broken at spaces, `indent` spaces in front, a newline behind.
std::string wrapped(const std::string& text, size_t width, size_t indent);
// Columns on a terminal: characters of UTF-8, wide ones counted once.
size_t display_width(const std::string& utf8);
// Columns of the terminal on stdout; 100 where there is none.
size_t terminal_width();

// Four significant digits, without an exponent where that is readable.
std::string format_number(double value);
// "4.491 ± 0.012": two significant digits of the deviation and the mean to the same place; one value: format_number.
std::string format_estimate(const Estimate& estimate);
// "+0.72", to the place of the estimate it belongs to.
std::string format_difference(double difference, const Estimate& estimate);
// "8.1 s", "3 min 20 s", "2 h 05 min".
std::string format_duration(double seconds);

}  // namespace tessera
