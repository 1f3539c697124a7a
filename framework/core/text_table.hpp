// Aligned tables and wrapped sentences for a terminal, no wider than it is.
#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace tessera {

// Columns on a terminal of text in UTF-8: two of a wide character, none of one that only marks another.
size_t display_width(const std::string& utf8);
// $COLUMNS where it is set, else the columns of the terminal on stdout; 100 where there is none.
size_t terminal_width();

// Lines of at most `width` columns, broken at spaces, `indent` spaces in front, a newline behind.
std::string wrapped(const std::string& text, size_t width, size_t indent);

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
  // Two spaces between columns, no lines, no trailing spaces; `indent` spaces in front; no line of titles where all are empty. What is
  // wider than `width` has its titles and words wrapped within their columns; where that is not enough, the columns stand in blocks
  // below one another, the first one in each. Only a word that is too wide by itself goes beyond. 0: as wide as it is.
  std::string text(size_t indent = 0, size_t width = terminal_width()) const;

 private:
  struct Layout;
  std::string block(const Layout& layout, const std::vector<size_t>& columns, size_t indent, size_t width) const;

  std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::pair<size_t, std::string>> headings_;  // before row
};

}  // namespace tessera
