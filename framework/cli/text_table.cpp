#include "cli/text_table.hpp"

#include <fmt/format.h>

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
  const double size = std::fabs(difference);
  const auto decimals = decimals_of(e);
  if (size >= 1e7 || (decimals ? *e.deviation < 1e-7 : size > 0 && size < 1e-4)) return fmt::format("{:+.2e}", difference);
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
