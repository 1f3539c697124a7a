#include "cli/compare/comparison_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>

#include "cli/compare/comparison_text.hpp"
#include "cli/compare/difference_text.hpp"
#include "cli/text_table.hpp"
#include "core/text.hpp"

namespace tessera {
namespace {

// One line of the table, numbers already as text; both formats are made from these.
struct PaperRow {
  std::string arm;
  bool calibration = false, best = false;
  std::string n, mean, pairs, difference, low, high, p;
};

struct PaperMetric {
  std::string name, unit, goal;
  std::vector<PaperRow> rows;
};

bool better(const ComparedMetric& metric, double a, double b) { return metric.goal == "max" ? a > b : a < b; }

// The best mean among the arms; none where there is no goal or nothing to choose from, or sets of unequal size do not compare.
std::optional<double> best_mean(const ComparedPart& part, size_t metric) {
  if (part.unequal_sets) return std::nullopt;
  std::optional<double> best;
  int64_t arms = 0;
  for (const auto& row : part.rows) {
    if (!row.values[metric] || row.values[metric]->estimate.n == 0) continue;
    const double mean = row.values[metric]->estimate.mean;
    ++arms;
    if (!best || better(part.metrics[metric], mean, *best)) best = mean;
  }
  return part.metrics[metric].goal == "none" || arms < 2 ? std::nullopt : best;
}

std::string p_text(const PairedDifference& paired, const std::optional<double>& p_holm) {
  const auto p = p_holm ? p_holm : paired.p;
  return !p ? "" : *p < 0.0005 ? "<0.001" : fmt::format("{:.3f}", *p);
}

// Cells that share their stages have one row; a table has no room for the names of many.
std::string arm_name(const ComparedPart& part, const ComparedRow& row) {
  if (row.cells.size() > 1 && part.rows.size() == 1) return "all arms";
  if (row.cells.size() <= 4) return fmt::format("{}", fmt::join(row.cells, " = "));
  return fmt::format("{} = {} = … ({} cells)", row.cells[0], row.cells[1], row.cells.size());
}

PaperRow paper_row(const std::string& arm, const ComparedValue& value, bool calibration) {
  PaperRow line;
  line.arm = arm;
  line.calibration = calibration;
  line.n = std::to_string(value.estimate.n);
  if (value.estimate.n_nan > 0) line.n += fmt::format(" (+{} NaN)", value.estimate.n_nan);
  line.mean = format_estimate(value.estimate);
  if (!value.paired || value.paired->estimate.n == 0) return line;
  const auto& e = value.paired->estimate;
  line.pairs = std::to_string(e.n);
  line.difference = format_difference(e.mean, e);
  if (!e.half_width) return line;  // one pair
  line.p = p_text(*value.paired, value.p_holm);
  line.low = format_difference(e.mean - *e.half_width, e);
  line.high = format_difference(e.mean + *e.half_width, e);
  return line;
}

std::vector<PaperMetric> paper_metrics(const ComparedPart& part) {
  std::vector<PaperMetric> metrics;
  for (size_t i = 0; i < part.metrics.size(); ++i) {
    if (is_heading(part, i)) continue;
    PaperMetric metric{part.metrics[i].name, part.metrics[i].unit, part.metrics[i].goal, {}};
    const auto best = best_mean(part, i);
    for (const auto& row : part.rows) {
      if (!row.values[i]) continue;
      metric.rows.push_back(paper_row(arm_name(part, row), *row.values[i], false));
      // What is left of an arm with censored trials looks better than it is.
      metric.rows.back().best = best && row.values[i]->estimate.mean == *best && row.censored == 0;
    }
    for (const auto& row : part.calibration)
      if (row.values[i]) metric.rows.push_back(paper_row(calibration_title(row), *row.values[i], true));
    metrics.push_back(std::move(metric));
  }
  return metrics;
}

// Numbers are set as mathematics, so that a minus is one: "1.2e-05 ± nan" -> 1.2 \times 10^{-5} \pm \mathrm{nan}.
std::string latex_body(std::string number) {
  number = std::regex_replace(replace_all(std::move(number), "±", "\\pm"), std::regex("e([+-])0*([0-9]+)"), " \\times 10^{$1$2}");
  number = std::regex_replace(number, std::regex("nan"), "\\mathrm{nan}");
  return replace_all(std::regex_replace(number, std::regex("inf"), "\\infty"), "{+", "{");
}

std::string latex_math(const std::string& number, bool bold = false) {
  if (number.empty()) return "";
  const std::string body = latex_body(number);
  return bold ? fmt::format("$\\mathbf{{{}}}$", body) : fmt::format("${}$", body);
}

std::string latex_part(const Comparison& comparison, const ComparedPart& part) {
  std::string text = fmt::format("% {}\n\\begin{{table}}\n  \\centering\n  \\begin{{tabular}}{{llrrrrlr}}\n    \\toprule\n",
                                 replace_all(part_heading(part), "\n", " "));
  text += "    Metric & Arm & $n$ & Mean $\\pm$ sd & Pairs & $\\Delta$ & 95\\,\\% interval & $p$ \\\\\n";
  for (const auto& metric : paper_metrics(part)) {
    text += "    \\midrule\n";
    std::string title = latex_text(metric.name);
    if (!metric.unit.empty()) title += fmt::format(" ({})", latex_text(metric.unit));
    if (metric.goal != "none") title += metric.goal == "max" ? " $\\uparrow$" : " $\\downarrow$";
    for (const auto& row : metric.rows) {
      const std::string arm = row.calibration ? fmt::format("\\emph{{{}}}", latex_text(row.arm)) : latex_text(row.arm);
      const std::string interval = row.low.empty() ? "" : fmt::format("$[{},\\ {}]$", latex_body(row.low), latex_body(row.high));
      text += fmt::format("    {} & {} & {} & {} & {} & {} & {} & {} \\\\\n", title, arm, latex_text(row.n), latex_math(row.mean, row.best),
                          row.pairs, latex_math(row.difference), interval, latex_math(row.p));
      title.clear();
    }
  }
  text += fmt::format("    \\bottomrule\n  \\end{{tabular}}\n  \\caption{{{}, {}: {} of {} trials. $n$: distinct stages{}.",
                      latex_text(comparison.experiment), latex_text(part.name), comparison.trials_done, comparison.trials,
                      comparison.baseline.empty()
                          ? ""
                          : fmt::format("; $\\Delta$: from {}, paired by seed; $p$: sign flips, Holm", latex_text(comparison.baseline)));
  for (const auto& sentence : caveats(comparison)) text += " " + latex_text(sentence);
  return text + fmt::format("}}\n  \\label{{tab:{}}}\n\\end{{table}}\n", [&] {
           std::string label = comparison.experiment + "-" + part.name;
           for (char& c : label)
             if (!std::isalnum(static_cast<unsigned char>(c))) c = '-';
           return label;
         }());
}

std::string markdown_part(const ComparedPart& part) {
  std::string text =
      fmt::format("### {}\n\n| metric | arm | n | mean ± sd | pairs | Δ | 95 % interval | p |\n|---|---|--:|--:|--:|--:|---|--:|\n",
                  markdown_text(part_heading(part)));
  for (const auto& metric : paper_metrics(part)) {
    std::string title = markdown_text(metric.name);
    if (!metric.unit.empty()) title += fmt::format(" ({})", markdown_text(metric.unit));
    if (metric.goal != "none") title += metric.goal == "max" ? " ↑" : " ↓";
    for (const auto& row : metric.rows) {
      const std::string arm = row.calibration ? fmt::format("*{}*", markdown_text(row.arm)) : markdown_text(row.arm);
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", title, arm, row.n,
                          row.best ? fmt::format("**{}**", row.mean) : row.mean, row.pairs, row.difference,
                          row.low.empty() ? "" : fmt::format("{} … {}", row.low, row.high), markdown_text(row.p));
    }
  }
  return text;
}

}  // namespace

std::string latex_text(const std::string& text) {
  static const std::map<char, const char*> special = {{'\\', "\\textbackslash{}"},
                                                      {'{', "\\{"},
                                                      {'}', "\\}"},
                                                      {'$', "\\$"},
                                                      {'&', "\\&"},
                                                      {'#', "\\#"},
                                                      {'_', "\\_"},
                                                      {'%', "\\%"},
                                                      {'~', "\\textasciitilde{}"},
                                                      {'^', "\\textasciicircum{}"},
                                                      {'<', "\\textless{}"},
                                                      {'>', "\\textgreater{}"},
                                                      {'|', "\\textbar{}"},
                                                      {'"', "{''}"},
                                                      {'\n', " "}};
  std::string escaped;
  for (const char c : text) {
    const auto found = special.find(c);
    escaped += found == special.end() ? std::string(1, c) : found->second;
  }
  return escaped;
}

std::string markdown_text(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += ' ';
      continue;
    }
    if (std::string("\\`*_{}[]<>#|~&$").find(c) != std::string::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string comparison_latex(const Comparison& comparison) {
  std::string text = "% \\usepackage{booktabs}\n";
  if (!comparison.question.empty()) text += fmt::format("% {}\n", replace_all(comparison.question, "\n", " "));
  for (const auto& part : comparison.parts) text += "\n" + latex_part(comparison, part);
  return text;
}

std::string comparison_markdown(const Comparison& comparison) {
  std::string text = fmt::format("## {}\n\n", markdown_text(comparison.experiment));
  if (!comparison.question.empty()) text += markdown_text(comparison.question) + "\n\n";
  text += fmt::format("{} of {} trials done. Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; **best**",
                      comparison.trials_done, comparison.trials);
  if (!comparison.baseline.empty())
    text += fmt::format("; Δ from {}, paired by seed; p: sign flips, Holm's correction", markdown_text(comparison.baseline));
  text += ".\n";
  for (const auto& sentence : caveats(comparison)) text += "\n" + markdown_text(sentence) + "\n";
  for (const auto& part : comparison.parts) text += "\n" + markdown_part(part);
  return text;
}

}  // namespace tessera
