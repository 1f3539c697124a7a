#include "core/text_table.hpp"

#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <optional>

namespace tessera {
namespace {

constexpr size_t kGap = 2;
// Words are wrapped in no narrower a column, unless they need less or the whole is not three times as wide.
constexpr size_t kNarrowest = 24;

size_t longest_word(const std::string& text) {
  size_t longest = 0;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    longest = std::max(longest, display_width(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return longest;
}

// Broken at spaces; spaces within a line stay.
std::vector<std::string> lines_of(const std::string& text, size_t width) {
  if (display_width(text) <= width) return {text};
  std::vector<std::string> lines;
  std::string line;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const auto word = text.substr(begin, end - begin);
    const auto longer = begin == 0 ? word : line + " " + word;
    if (begin > 0 && line.find_first_not_of(' ') != std::string::npos && display_width(longer) > width) {
      lines.push_back(line);
      line = word;
    } else {
      line = longer;
    }
    begin = end + 1;
  }
  lines.push_back(line);
  return lines;
}

// Of ASCII and of what is printable in Latin-1, one column each; no number where there is more. Thousands of cells are such.
std::optional<size_t> width_of_latin(const std::string& utf8) {
  size_t width = 0;
  for (size_t at = 0; at < utf8.size(); ++at, ++width) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(utf8[i]); };
    if (byte(at) < 0x80) continue;
    const auto least = byte(at) == 0xC2 ? 0xA0 : byte(at) == 0xC3 ? 0x80 : 0x100;  // of the second byte
    if (at + 1 == utf8.size() || byte(at + 1) < least || byte(at + 1) > 0xBF) return std::nullopt;
    ++at;
  }
  return width;
}

std::string without_end(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

size_t display_width(const std::string& utf8) {
  if (const auto narrow = width_of_latin(utf8)) return *narrow;
  // wcwidth() asks the thread's locale; the program itself stays in "C".
  static const locale_t kUtf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = kUtf8 ? ::uselocale(kUtf8) : nullptr;
  size_t width = 0;
  std::mbstate_t state{};
  for (size_t at = 0; at < utf8.size();) {
    wchar_t character = 0;
    const size_t bytes = std::mbrtowc(&character, utf8.data() + at, utf8.size() - at, &state);
    if (bytes == 0 || bytes > utf8.size() - at) {  // no character: a terminal shows a mark for the byte
      state = {};
      ++width, ++at;
      continue;
    }
    width += static_cast<size_t>(std::max(0, ::wcwidth(character)));
    at += bytes;
  }
  if (before) ::uselocale(before);
  return width;
}

size_t terminal_width() {
  constexpr size_t kLeast = 20, kMost = 10'000, kUsual = 100;
  const auto sensible = [](size_t columns) { return columns >= kLeast && columns <= kMost; };
  if (const char* columns = std::getenv("COLUMNS")) {
    size_t asked = 0;
    const char* end = columns + std::strlen(columns);
    if (const auto read = std::from_chars(columns, end, asked); read.ec == std::errc() && read.ptr == end && sensible(asked)) return asked;
  }
  winsize size{};
  const bool known = ::isatty(STDOUT_FILENO) && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && sensible(size.ws_col);
  return known ? size.ws_col : kUsual;
}

std::string wrapped(const std::string& text, size_t width, size_t indent) {
  std::string out, line(indent, ' ');
  size_t used = indent;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const size_t needed = display_width(word);
    if (used > indent && used + 1 + needed > width) {
      out += line + "\n";
      line.assign(indent, ' ');
      used = indent;
    }
    if (used > indent) line += " ", ++used;
    line += word, used += needed;
    begin = end + 1;
  }
  return out + line + "\n";
}

// Of each column: how wide it wants to be, how wide with its title wrapped, and how narrow it can be.
struct TextTable::Layout {
  std::vector<size_t> natural, titled, least;

  size_t width(const std::vector<size_t>& of, const std::vector<size_t>& columns) const {
    return std::accumulate(columns.begin(), columns.end(), kGap * (columns.size() - 1), [&](size_t sum, size_t i) { return sum + of[i]; });
  }
  // Long titles give way first, then the words of the widest columns.
  std::vector<size_t> fitted(const std::vector<size_t>& columns, size_t room) const {
    auto widths = natural;
    for (const size_t i : columns)
      if (width(widths, columns) > room) widths[i] = titled[i];
    for (size_t total = width(widths, columns); total > room; --total) {
      size_t widest = columns.front();
      for (const size_t i : columns)
        if (widths[i] > least[i] && (widths[widest] <= least[widest] || widths[i] > widths[widest])) widest = i;
      if (widths[widest] <= least[widest]) break;
      --widths[widest];
    }
    return widths;
  }
};

std::string TextTable::text(size_t indent, size_t width) const {
  const size_t room = width == 0 ? SIZE_MAX : width > indent ? width - indent : 1;
  Layout layout;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t words = longest_word(columns_[i].title), cells = 0;
    for (const auto& row : rows_) {
      if (i >= row.size()) continue;
      cells = std::max(cells, display_width(row[i]));
      if (!columns_[i].right) words = std::max(words, longest_word(row[i]));
    }
    layout.natural.push_back(std::max(cells, display_width(columns_[i].title)));
    layout.titled.push_back(std::max(cells, longest_word(columns_[i].title)));
    layout.least.push_back(std::max(words, columns_[i].right ? cells : std::min({cells, kNarrowest, room / 3})));
  }
  std::vector<size_t> all(columns_.size());
  std::iota(all.begin(), all.end(), size_t{0});
  if (columns_.size() < 2 || layout.width(layout.least, all) <= room) return block(layout, all, indent, room);
  std::string out;
  for (size_t next = 1; next < columns_.size();) {
    std::vector<size_t> columns = {0, next++};
    for (; next < columns_.size(); ++next) {
      columns.push_back(next);
      if (layout.width(layout.least, columns) <= room) continue;
      columns.pop_back();
      break;
    }
    out += (out.empty() ? "" : "\n") + block(layout, columns, indent, room);
  }
  return out;
}

std::string TextTable::block(const Layout& layout, const std::vector<size_t>& columns, size_t indent, size_t room) const {
  const auto widths = layout.fitted(columns, room);
  const std::string front(indent, ' ');
  std::string out;
  const auto add = [&](const auto& cell, bool at_bottom) {
    std::vector<std::vector<std::string>> cells;
    size_t lines = 0;
    for (const size_t i : columns) {
      cells.push_back(lines_of(cell(i), widths[i]));
      lines = std::max(lines, cells.back().size());
    }
    for (size_t n = 0; n < lines; ++n) {
      std::string text = front;
      for (size_t c = 0; c < columns.size(); ++c) {
        const size_t above = at_bottom ? lines - cells[c].size() : 0;
        const std::string content = n < above || n - above >= cells[c].size() ? "" : without_end(cells[c][n - above]);
        const size_t used = display_width(content), own = widths[columns[c]];
        const std::string space(own > used ? own - used : 0, ' ');
        text += (c == 0 ? "" : std::string(kGap, ' ')) + (columns_[columns[c]].right ? space + content : content + space);
      }
      out += without_end(std::move(text)) + "\n";
    }
  };
  if (std::any_of(columns.begin(), columns.end(), [&](size_t i) { return !columns_[i].title.empty(); }))
    add([&](size_t i) { return columns_[i].title; }, true);
  auto heading = headings_.begin();
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (; heading != headings_.end() && heading->first == r; ++heading)
      out += wrapped(heading->second, room == SIZE_MAX ? SIZE_MAX : room + indent, indent);
    add([&](size_t i) { return i < rows_[r].size() ? rows_[r][i] : std::string(); }, false);
  }
  return out;
}

}  // namespace tessera
