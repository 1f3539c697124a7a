// The plan for humans: cells with what they are made of, distinct stages with what becomes of them, and what is wrong.
#include <fmt/format.h>

#include <algorithm>

#include "experiment/plan.hpp"

namespace tessera {
namespace {

// Columns as wide as their widest entry.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format(" {:<{}} ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string counted(size_t n, const char* noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

// 224310 -> "224 k"
std::string parameters(const Json& answer, const char* part) {
  const auto n = answer.value("parameters", Json::object()).value(part, int64_t{0});
  if (n >= 10'000'000) return fmt::format("{:.0f} M", static_cast<double>(n) / 1e6);
  if (n >= 1'000'000) return fmt::format("{:.2f} M", static_cast<double>(n) / 1e6);
  return n >= 1000 ? fmt::format("{:.0f} k", static_cast<double>(n) / 1e3) : fmt::format("{}", n);
}

// "8x8 of 256", planes joined by "+"
std::string layout(const Json& answer) {
  std::string text;
  for (const auto& plane : answer.value("layout", Json::array()))
    text += fmt::format("{}{}x{} of {}", text.empty() ? "" : " + ", plane.at("height").get<int64_t>(), plane.at("width").get<int64_t>(),
                        plane.at("vocabulary").get<int64_t>());
  return text;
}

std::string cells_text(const Plan& plan) {
  std::vector<std::vector<std::string>> rows = {{"cell", "data", "encoder", "quantizer", "tokens", "prior", "order", "sampling"}};
  for (size_t i = 0; i < plan.cells.size(); ++i) {
    const auto& cell = plan.cells[i];
    const auto& answer = plan.answers[i];
    const auto id = [&](const char* kind) { return cell.plugins.at(kind)->id; };
    if (!answer.value("ok", false)) {
      rows.push_back({cell.label, id("data_source"), id("encoder"), id("quantizer"), "refused", id("prior"), "", id("sampling")});
      continue;
    }
    rows.push_back({cell.label, id("data_source"), fmt::format("{} ({})", id("encoder"), parameters(answer, "encoder")),
                    fmt::format("{} ({})", id("quantizer"), parameters(answer, "quantizer")), layout(answer),
                    fmt::format("{} ({})", id("prior"), parameters(answer, "prior")), answer.value("order", ""), id("sampling")});
  }
  return table(rows);
}

std::string stages_text(const Plan& plan) {
  std::vector<std::vector<std::string>> rows = {{"stage", "key", "state", "for"}};
  for (const auto& stage : plan.stages) {
    std::string state = to_string(stage.state);
    if (stage.state == StageState::stale) state += fmt::format(": its {} changed", stage.stale_input);
    const auto users = plan.users(stage);
    rows.push_back({stage.title(), stage.key.substr(0, 12), state, users.empty() ? "all trials" : users});
  }
  return table(rows);
}

}  // namespace

std::string PlannedStage::title() const {
  auto text = kind;
  if (!subject.empty()) text += " of " + subject;
  if (!request.empty()) text += " " + request;
  return text;
}

std::string Plan::users(const PlannedStage& stage) const {
  constexpr size_t kNamed = 3;
  if (stage.trials == trials.size() && trials.size() > 1) return {};
  std::vector<std::string> labels;
  for (const size_t index : stage.cells) labels.push_back(cells[index].label);
  auto text = stage.cells.size() > kNamed ? counted(stage.cells.size(), "cell") : fmt::format("{}", fmt::join(labels, ", "));
  // A stage of several seeds is pinned: it belongs to none of them.
  if (seeds.size() > 1 && stage.trials == stage.cells.size()) text += fmt::format(", seed {}", stage.trial_seed);
  return text;
}

std::string plan_text(const Plan& plan) {
  auto text = fmt::format("{}: {} x {} = {}, {}", plan.source, counted(plan.cells.size(), "cell"), counted(plan.seeds.size(), "seed"),
                          counted(plan.trials.size(), "trial"), counted(plan.stages.size(), "stage"));
  text += fmt::format(": {} to run, {} reused", plan.count(StageState::to_run), plan.count(StageState::reused));
  if (const auto stale = plan.count(StageState::stale)) text += fmt::format(", {} stale", stale);
  text += "\n";
  if (!plan.question.empty()) text += fmt::format("  {}\n", plan.question);
  if (!plan.cells.empty()) text += "\n" + cells_text(plan);
  if (!plan.stages.empty()) text += "\n" + stages_text(plan);
  bool first = true;
  for (const auto& cell : plan.cells)
    for (const auto& one : cell.lapsed) {
      if (first) text += "\nLapsed with a change of plugin:\n";
      first = false;
      text += fmt::format("  {}: {} ({}): {} has it, {} has not\n", one.cell, one.key, one.origin, one.old_plugin, one.new_plugin);
    }
  return text;
}

std::string problems_text(const Plan& plan) {
  return fmt::format("{}: {}\n{}", plan.source, counted(plan.problems.size(), "problem"), fmt::join(plan.problems, "\n"));
}

}  // namespace tessera
