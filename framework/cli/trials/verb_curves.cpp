// curves: a metric by step, a line a cell: on the terminal, as JSON, as an SVG file.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>

#include "cli/ledger/ledger_access.hpp"
#include "cli/output_file.hpp"
#include "cli/text_table.hpp"
#include "experiment/pictures/curve_svg.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr size_t kWidest = 48, kNarrowest = 16, kNumbers = 45;

void print_curves(const Curves& curves) {
  double low = INFINITY, high = -INFINITY;
  size_t longest = 4;
  for (const auto& curve : curves.curves) {
    longest = std::max(longest, display_width(curve.label()));
    for (const auto& p : curve.points) low = std::min(low, p.mean), high = std::max(high, p.mean);
  }
  const size_t room = terminal_width() > longest + kNumbers ? terminal_width() - longest - kNumbers : 0;
  const size_t width = std::clamp(room, kNarrowest, kWidest);
  const auto title = fmt::format("{}: {} {}{}, mean over n distinct stages; all on one scale", curves.experiment, curves.part,
                                 curves.metric, curves.unit.empty() ? "" : ", " + curves.unit);
  fmt::print("{}", wrapped(title, terminal_width(), 0));
  bool fewer = false;
  TextTable table({{"cell"}, {"n", true}, {"curve"}, {"first", true}, {"min", true}, {"max", true}, {"last", true}, {"steps", true}});
  for (const auto& curve : curves.curves) {
    if (curve.points.empty()) {
      table.add({curve.label(), stages_text(curve), "no number"});
      continue;
    }
    const auto by_mean = [](const CurvePoint& a, const CurvePoint& b) { return a.mean < b.mean; };
    const auto [least, greatest] = std::minmax_element(curve.points.begin(), curve.points.end(), by_mean);
    fewer = fewer || curve.points.back().stages < curve.stages;
    table.add({curve.label(), stages_text(curve), sparkline(curve.points, std::min(width, curve.points.size()), low, high),
               format_number(curve.points.front().mean), format_number(least->mean), format_number(greatest->mean),
               format_number(curve.points.back().mean), std::to_string(curve.points.back().step)});
  }
  fmt::print("{}", table.text());
  if (fewer)
    fmt::print("{}",
               wrapped("n 2→1: from a step on the mean is over fewer stages, where others were pruned, are not finished or have no number "
                       "(NaN); --json has n by step.",
                       terminal_width(), 0));
}

}  // namespace

int verb_curves(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  CurveSvgRequest svg;
  OutputFile out(line, {"FILE.svg", "Write the curves as an SVG picture.", {".svg"}});
  line.options().add_options()("log", po::bool_switch(&svg.logarithmic), "A logarithmic axis of values in the picture.");
  if (!line.parse(arguments, 2, 2)) return 0;
  const auto& common = line.common();
  out.check();
  auto database = open_ledger(common);
  const auto curves =
      with_ledger_errors(ledger_file(common.results), [&] { return read_curves(database, line.words()[0], line.words()[1]); });
  if (out) out.write(curve_svg(curves, svg));
  if (out.is_standard_output()) return 0;
  if (common.json)
    print_json(to_json(curves));
  else
    print_curves(curves);
  if (out && !common.json) fmt::print("{}: {} curves\n", out.name(), curves.curves.size());
  return 0;
}

}  // namespace tessera
