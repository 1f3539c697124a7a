#include "experiment/pictures/curve_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace tessera {
namespace {

constexpr double kWidth = 760, kHeight = 420, kLeft = 72, kRight = 20, kTop = 44, kBottom = 52, kLegendRow = 20;
constexpr size_t kPoints = 400;
// Okabe and Ito's colours, told apart by the colour-blind; lighter ones for a dark ground.
constexpr const char* kLight[] = {"#0072b2", "#d55e00", "#007a5a", "#b0558a", "#8a6d00", "#444444"};
constexpr const char* kDark[] = {"#56b4e9", "#ff9b4a", "#2bc79a", "#e59bc8", "#f0e442", "#cccccc"};
constexpr size_t kColours = std::size(kLight);

// Round numbers, four to eight of them, that span the range.
std::vector<double> ticks(double low, double high) {
  const double raw = (high - low) / 5, power = std::pow(10, std::floor(std::log10(raw)));
  const double step = power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
  std::vector<double> at;
  for (double value = std::ceil(low / step) * step; value <= high + step * 1e-9; value += step)
    at.push_back(std::fabs(value) < step * 1e-9 ? 0 : value);
  return at;
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

struct Scale {
  double low = INFINITY, high = -INFINITY, begin = 0, end = 0;  // values, and where they are in the picture
  bool logarithmic = false;

  double scaled(double value) const { return logarithmic ? std::log10(value) : value; }
  bool has(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
  void add(double value) {
    if (has(value)) low = std::min(low, value), high = std::max(high, value);
  }
  // A margin, so that no line lies on the frame.
  void widen(double share) {
    if (logarithmic) {
      const double margin = high > low ? std::pow(high / low, share) : 1.5;
      low /= margin, high *= margin;
    } else {
      const double margin = high > low ? (high - low) * share : std::max(1e-9, std::fabs(low) * 0.1);
      low -= margin, high += margin;
    }
  }
  double at(double value) const { return begin + (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)) * (end - begin); }
  std::vector<double> marks() const {
    if (!logarithmic) return ticks(low, high);
    constexpr size_t kFewest = 3;  // fewer tell no scale
    std::vector<double> powers, parts;
    for (double power = std::pow(10, std::floor(std::log10(low))); power <= high; power *= 10)
      for (const double times : {1.0, 2.0, 5.0}) {
        if (power * times < low || power * times > high) continue;
        parts.push_back(power * times);
        if (times == 1.0) powers.push_back(power);
      }
    if (powers.size() >= kFewest) return powers;
    return parts.size() >= kFewest ? parts : ticks(low, high);
  }
};

std::string style() {
  std::string text =
      "<style>\n.ground{fill:#fff}text{fill:#222;font:13px system-ui,sans-serif}.title{font-size:15px;font-weight:600}"
      ".grid{stroke:#ddd}.frame{stroke:#888;fill:none}.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.fewer{stroke-width:.9}.band{"
      "opacity:.18;stroke:none}"
      "\n";
  const auto colours = [&](const char* const* of) {
    for (size_t i = 0; i < kColours; ++i) text += fmt::format(".l{0}{{stroke:{1}}}.b{0}{{fill:{1}}}", i, of[i]);
    text += "\n";
  };
  colours(kLight);
  text +=
      "@media (prefers-color-scheme:dark){.ground{fill:#16181c}text{fill:#ddd}.grid{stroke:#33363d}.frame{stroke:#888}.band{opacity:.25}\n";
  colours(kDark);
  return text + "}\n</style>\n";
}

class Drawing {
 public:
  Drawing(const Curves& curves, const CurveSvgRequest& request) : curves_(curves) {
    y_.logarithmic = request.logarithmic;
    for (const auto& curve : curves.curves) {
      lines_.push_back(thinned(curve.points, kPoints));
      auto& line = lines_.back();
      line.erase(std::remove_if(line.begin(), line.end(), [&](const CurvePoint& p) { return !y_.has(p.min) || !y_.has(p.mean); }),
                 line.end());
      for (const auto& p : line) x_.add(static_cast<double>(p.step)), y_.add(p.min), y_.add(p.max);
    }
    if (!std::isfinite(y_.low))
      throw Error(ExitCode::run_failed, fmt::format("curves: {} {} of {} has no {}number to draw", curves.part, curves.metric,
                                                    curves.experiment, request.logarithmic ? "positive " : ""));
    if (x_.high <= x_.low) x_.low -= 0.5, x_.high += 0.5;
    y_.widen(0.04);
    legend_ = static_cast<double>(lines_.size()) * kLegendRow;
    x_.begin = kLeft, x_.end = kWidth - kRight;
    y_.begin = kTop + legend_ + kHeight - kTop - kBottom, y_.end = kTop + legend_;
  }

  std::string text() const {
    const double height = kHeight + legend_;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "role=\"img\">\n<title>{2}</title>\n",
        kWidth, height, markup_text(title()));
    out += style() + fmt::format("<rect class=\"ground\" width=\"{}\" height=\"{}\"/>\n", kWidth, height);
    out += fmt::format("<text class=\"title\" x=\"{}\" y=\"24\">{}</text>\n", kLeft, markup_text(title()));
    out += axes();
    for (size_t i = 0; i < lines_.size(); ++i) out += band(i);
    for (size_t i = 0; i < lines_.size(); ++i) out += line(i) + legend(i);
    return out + "</svg>\n";
  }

 private:
  std::string title() const {
    return fmt::format("{}: {} {}{}", curves_.experiment, curves_.part, curves_.metric, curves_.unit.empty() ? "" : ", " + curves_.unit);
  }

  std::string axes() const {
    std::string out;
    for (const double value : y_.marks())
      out += fmt::format("<path class=\"grid\" d=\"M{} {:.1f}H{}\"/><text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", x_.begin,
                         y_.at(value), x_.end, x_.begin - 8, y_.at(value) + 4, number(value));
    for (const double value : x_.marks())
      out += fmt::format(
          "<path class=\"grid\" d=\"M{:.1f} {:.1f}V{:.1f}\"/><text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
          x_.at(value), y_.begin, y_.end, x_.at(value), y_.begin + 19, number(value));
    out += fmt::format("<rect class=\"frame\" x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\"/>\n", x_.begin, y_.end,
                       x_.end - x_.begin, y_.begin - y_.end);
    return out +
           fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">step</text>\n", (x_.begin + x_.end) / 2, y_.begin + 40);
  }

  std::string place(const CurvePoint& point, double value) const {
    return fmt::format("{:.1f} {:.1f}", x_.at(static_cast<double>(point.step)), y_.at(value));
  }

  std::string band(size_t i) const {
    std::string out;
    for (const auto& piece : pieces(lines_[i])) {
      if (piece[0].stages < 2) continue;
      std::vector<std::string> places;
      for (const auto& p : piece) places.push_back(place(p, p.max));
      for (auto p = piece.rbegin(); p != piece.rend(); ++p) places.push_back(place(*p, p->min));
      out += fmt::format("<path class=\"band b{}\" d=\"M{}Z\"/>\n", i % kColours, fmt::join(places, "L"));
    }
    return out;
  }

  // Thin where it is the mean of fewer stages than it begins with.
  std::string line(size_t i) const {
    std::string out;
    for (const auto& piece : pieces(lines_[i])) {
      const bool fewer = piece[0].stages < curves_.curves[i].stages;
      if (piece.size() == 1) {
        out += fmt::format("<circle class=\"b{}\" r=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\"/>\n", i % kColours, fewer ? 2 : 4,
                           x_.at(static_cast<double>(piece[0].step)), y_.at(piece[0].mean));
        continue;
      }
      std::vector<std::string> places;
      for (const auto& p : piece) places.push_back(place(p, p.mean));
      out +=
          fmt::format("<path class=\"line l{}{}\"{} d=\"M{}\"/>\n", i % kColours, fewer ? " fewer" : "", dashes(i), fmt::join(places, "L"));
    }
    return out;
  }

  // The second round of colours is dashed.
  static std::string dashes(size_t i) { return i < kColours ? "" : fmt::format(" stroke-dasharray=\"{} 4\"", 3 + 4 * (i / kColours)); }

  std::string legend(size_t i) const {
    const auto& curve = curves_.curves[i];
    const double y = kTop + static_cast<double>(i) * kLegendRow - 4;
    return fmt::format("<path class=\"line l{}\"{} d=\"M{} {}h28\"/><text x=\"{}\" y=\"{}\">{}{}</text>\n", i % kColours, dashes(i), kLeft,
                       y, kLeft + 36, y + 4, markup_text(shortened(curve.label(), 80)),
                       curve.stages > 1 ? fmt::format(" (mean of {}, band: least to greatest)", stages_text(curve)) : " (n 1)");
  }

  const Curves& curves_;
  std::vector<std::vector<CurvePoint>> lines_;
  Scale x_, y_;
  double legend_ = 0;
};

}  // namespace

std::string curve_svg(const Curves& curves, const CurveSvgRequest& request) { return Drawing(curves, request).text(); }

}  // namespace tessera
