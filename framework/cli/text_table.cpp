#include "cli/text_table.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace tessera {
namespace {

// Decimals at which a number shows this many significant digits.
int decimals_for(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return 0;
  return std::clamp(digits - 1 - static_cast<int>(std::floor(std::log10(std::fabs(value)))), 0, 12);
}

std::optional<int> decimals_of(const Estimate& e) {
  if (e.deviation && *e.deviation > 0) return decimals_for(*e.deviation, 2);
  return std::nullopt;
}

}  // namespace

size_t display_width(const std::string& utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

size_t terminal_width() {
  winsize size{};
  return ::isatty(STDOUT_FILENO) && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

std::string TextTable::text(size_t indent) const {
  std::vector<size_t> widths;
  for (const auto& column : columns_) widths.push_back(display_width(column.title));
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  std::string out;
  const auto line = [&](const auto& cell) {
    std::string text(indent, ' ');
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string content = cell(i);
      const std::string space(widths[i] - display_width(content), ' ');
      text += (i == 0 ? "" : "  ") + (columns_[i].right ? space + content : content + space);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line([&](size_t i) { return columns_[i].title; });
  auto heading = headings_.begin();
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (; heading != headings_.end() && heading->first == r; ++heading) out += std::string(indent, ' ') + heading->second + "\n";
    line([&](size_t i) { return i < rows_[r].size() ? rows_[r][i] : std::string(); });
  }
  return out;
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

std::string format_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double size = std::fabs(value);
  if (value == std::floor(value) && size < 1e9) return fmt::format("{:.0f}", value);
  if (size >= 1e7 || size < 1e-4) return fmt::format("{:.3e}", value);
  return fmt::format("{:.{}f}", value, decimals_for(value, 4));
}

std::string format_estimate(const Estimate& e) {
  if (e.n == 0) return "nan";
  const auto decimals = decimals_of(e);
  std::string text = decimals ? fmt::format("{:.{}f} ± {:.{}f}", e.mean, *decimals, *e.deviation, *decimals) : format_number(e.mean);
  if (e.n_nan > 0) text += fmt::format(" ({} nan)", e.n_nan);
  return text;
}

std::string format_difference(double difference, const Estimate& e) {
  if (!std::isfinite(difference)) return "";
  const auto decimals = decimals_of(e);
  return fmt::format("{:+.{}f}", difference, decimals ? *decimals : decimals_for(difference, 3));
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "";
  if (seconds < 100) return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 1 : 0);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace tessera
