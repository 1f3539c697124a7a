#include "cli/compare/frontier_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/compare/difference_text.hpp"
#include "cli/text_table.hpp"

namespace tessera {
namespace {

std::string standing(const FrontierPoint& point) {
  if (point.on_frontier) return "on the frontier";
  std::string text = "dominated by ";
  bool first = true;
  for (const auto& rival : point.dominated_by) {
    text += fmt::format("{}{}{}", first ? "" : ", ", fmt::join(rival.cells, " = "), rival.decided ? "" : " (?)");
    first = false;
  }
  return text;
}

// "4", "3 (1 pruned)": what is left of a cell whose trials were pruned looks better than it is.
std::string n_text(const FrontierPoint& point, const ComparedPart& part) {
  const auto row = std::find_if(part.rows.begin(), part.rows.end(), [&](const ComparedRow& one) { return one.cells == point.cells; });
  const int64_t censored = row == part.rows.end() ? 0 : row->censored;
  return censored > 0 ? fmt::format("{} ({} pruned)", point.quality.n, censored) : std::to_string(point.quality.n);
}

std::string frontier_text(const Frontier& frontier, const ComparedPart& part, size_t width, bool& undecided) {
  TextTable table({{""}, {frontier.cost.name, true}, {frontier.quality.name, true}, {"n", true}, {""}});
  for (const auto& point : frontier.points) {
    table.add({fmt::format("{}", fmt::join(point.cells, " = ")), format_estimate(point.cost), format_estimate(point.quality),
               n_text(point, part), standing(point)});
    for (const auto& rival : point.dominated_by) undecided = undecided || !rival.decided;
  }
  const auto title =
      fmt::format("{}: {} {} for {} per image{}", frontier.part, frontier.quality.name, frontier.quality.goal == "max" ? "↑" : "↓",
                  frontier.cost.name, frontier.cost.timing ? ", by the clock of one environment" : "");
  return "\n" + wrapped(title, width, 0) + table.text(2, width);
}

}  // namespace

std::string frontiers_text(const Comparison& comparison, size_t width) {
  std::string text = comparison.experiment + ": cost and quality\n";
  bool undecided = false, any = false;
  for (const auto& frontier : comparison.frontiers) {
    if (frontier.environments > 1) {
      text += "\n" +
              wrapped(fmt::format(
                          "{}: no frontier by {}: the samples were made in {} environments, and seconds compare within one alone: compare "
                          "lists how they differ.",
                          frontier.part, frontier.cost.name, frontier.environments),
                      width, 0);
      continue;
    }
    const auto part =
        std::find_if(comparison.parts.begin(), comparison.parts.end(), [&](const auto& one) { return one.name == frontier.part; });
    text += frontier_text(frontier, *part, width, undecided);
    any = true;
  }
  if (!any)
    return text + "\n" +
           wrapped(
               "No part has both a cost and a quality that was asked for: samples have, once they are evaluated, of metrics of samples.",
               width, 0);
  text += "\n" + wrapped("Dominated: another cell is no dearer and better, or cheaper and no worse, by their means over n distinct stages.",
                         width, 0);
  if (undecided)
    text +=
        wrapped("(?) The 95 % interval of the difference in quality, paired by seed, does not say so, or there is none: it may be chance.",
                width, 0);
  for (const auto& part : comparison.parts)
    if (undecided && part.unequal_sets &&
        std::any_of(comparison.frontiers.begin(), comparison.frontiers.end(), [&](const auto& one) { return one.part == part.name; }))
      text += wrapped("(?) stands where sets are of unequal size, too.", width, 0);
  return text + conditions_text(comparison, width) + left_out_text(comparison, width);
}

}  // namespace tessera
