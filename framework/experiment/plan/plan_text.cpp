// The plan for humans: cells with what they are made of, distinct stages with what becomes of them, and what is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/text.hpp"
#include "core/text_table.hpp"
#include "experiment/plan/plan.hpp"

namespace tessera {
namespace {

// The first row are titles.
std::string table(const std::vector<std::vector<std::string>>& rows, size_t width) {
  std::vector<TextColumn> columns;
  for (const auto& title : rows[0]) columns.push_back({title});
  TextTable table(std::move(columns));
  for (size_t i = 1; i < rows.size(); ++i) table.add(rows[i]);
  return table.text(2, width);
}

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

// "7 to run, 4 reused" of the cell's stages, all seeds together.
std::string cell_state(const Plan& plan, size_t cell) {
  std::map<StageState, size_t> counts;
  for (const auto& stage : plan.stages)
    if (std::find(stage.cells.begin(), stage.cells.end(), cell) != stage.cells.end()) ++counts[stage.state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts) parts.push_back(fmt::format("{} {}", count, to_string(state)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::string> cell_row(const Plan& plan, size_t index) {
  const auto& cell = plan.cells[index];
  const auto& answer = plan.answers[index];
  const auto id = [&](const char* kind) { return cell.plugins.count(kind) ? cell.plugins.at(kind)->id : "?"; };
  if (!answer.value("ok", false))
    return {id("data_source"), id("encoder"), id("quantizer"), "", id("prior"), "", id("sampling"), "refused"};
  const auto sized = [&](const char* kind) { return fmt::format("{} ({})", id(kind), parameters(answer, kind)); };
  return {id("data_source"), sized("encoder"),          sized("quantizer"), layout(answer),
          sized("prior"),    answer.value("order", ""), id("sampling"),     cell_state(plan, index)};
}

// What varies stands in the table; what is the same everywhere is said once beneath it.
std::string cells_text(const Plan& plan, size_t width) {
  static const std::vector<std::string> titles = {"data", "encoder", "quantizer", "tokens", "prior", "order", "sampling", "stages"};
  std::vector<std::vector<std::string>> all;
  for (size_t i = 0; i < plan.cells.size(); ++i) all.push_back(cell_row(plan, i));
  std::vector<size_t> shown;
  std::vector<std::string> same;
  for (size_t column = 0; column < titles.size(); ++column) {
    std::set<std::string> values, unmeasured;
    for (size_t i = 0; i < all.size(); ++i) (plan.answers[i].value("ok", false) ? values : unmeasured).insert(all[i][column]);
    // A refused cell has no tokens and no order, and its parts no size; that is no difference.
    for (const auto& value : unmeasured)
      if (std::none_of(values.begin(), values.end(),
                       [&](const std::string& one) { return one == value || one.rfind(value + " (", 0) == 0; }) &&
          !value.empty() && value != "?")
        values.insert(value);
    if (values.empty()) continue;  // all cells are refused
    if (all.size() > 1 && values.size() == 1 && titles[column] != "stages")
      same.push_back(titles[column] + " " + *values.begin());
    else
      shown.push_back(column);
  }
  std::vector<std::vector<std::string>> rows = {{"cell"}};
  for (const size_t column : shown) rows[0].push_back(titles[column]);
  for (size_t i = 0; i < all.size(); ++i) {
    rows.push_back({plan.cells[i].label});
    for (const size_t column : shown) rows.back().push_back(all[i][column]);
  }
  const auto text = table(rows, width);
  return same.empty() ? text : text + wrapped(fmt::format("All cells: {}", fmt::join(same, ", ")), width, 2);
}

// An estimate deserves two digits: "8 s", "3.5 min", "12 h".
std::string about(double seconds) {
  const auto two = [](double value) { return value < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value); };
  if (seconds < 60) return fmt::format("{:.0f} s", std::max(1.0, seconds));
  return seconds < 3600 ? two(seconds / 60) + " min" : seconds < 48 * 3600 ? two(seconds / 3600) + " h" : two(seconds / 86400) + " days";
}

// Many stages: a line a kind; `plan --json` has them all.
std::string kinds_text(const Plan& plan, size_t width) {
  struct Kind {
    std::string title;
    std::map<StageState, size_t> counts;
    double seconds = 0;
  };
  std::vector<Kind> kinds;
  for (const auto& stage : plan.stages) {
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& k) { return k.title == stage.title(); });
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), {stage.title(), {}, 0});
    ++kind->counts[stage.state];
    if (stage.state == StageState::to_run && stage.cost) kind->seconds += stage.cost->seconds;
  }
  std::vector<std::vector<std::string>> rows = {{"stages", "to run", "reused", "stale", "pruned", "about"}};
  for (const auto& kind : kinds) {
    rows.push_back({kind.title});
    for (const auto state : {StageState::to_run, StageState::reused, StageState::stale, StageState::pruned}) {
      const auto count = kind.counts.find(state);
      rows.back().push_back(count == kind.counts.end() ? "" : std::to_string(count->second));
    }
    rows.back().push_back(kind.seconds > 0 ? about(kind.seconds) : "");
  }
  return table(rows, width);
}

std::string stages_text(const Plan& plan, size_t width) {
  constexpr size_t kListed = 60;
  if (plan.stages.size() > kListed) return kinds_text(plan, width);
  const bool costs = std::any_of(plan.stages.begin(), plan.stages.end(), [](const PlannedStage& s) { return s.cost.has_value(); });
  std::vector<std::vector<std::string>> rows = {{"stage", "key", "state", "for"}};
  if (costs) rows[0].insert(rows[0].begin() + 3, "about");
  for (const auto& stage : plan.stages) {
    std::string state = to_string(stage.state);
    if (stage.state == StageState::stale) state += fmt::format(": its {} changed", stage.stale_input);
    const auto users = plan.users(stage);
    rows.push_back({stage.title(), stage.key.substr(0, 12), state, users.empty() ? "all trials" : users});
    if (costs)
      rows.back().insert(rows.back().begin() + 3, stage.state != StageState::to_run ? ""
                                                  : stage.cost                      ? about(stage.cost->seconds)
                                                                                    : "unknown");
  }
  return table(rows, width);
}

std::string cost_text(const Plan& plan, size_t width) {
  const auto [seconds, cpu_seconds, known, alike] = plan.cost();
  const auto to_run = plan.count(StageState::to_run);
  if (to_run == 0) return "";
  if (known == 0) return "\n" + wrapped("Cost: unknown, no stage of these kinds has been measured in this results folder", width, 0);
  auto text = fmt::format(
      "Cost: about {} one after another, {} of processor time, by stages measured before ({} of {} with the same options, but for steps, "
      "batch and samples",
      about(seconds), about(cpu_seconds), alike, to_run);
  if (known < to_run) text += fmt::format("; {} never measured, not counted", to_run - known);
  return "\n" + wrapped(text + ")", width, 0);
}

// Once a key and change of plugin, with the cells that it concerns.
std::string lapsed_text(const Plan& plan, size_t width) {
  std::vector<std::pair<std::string, std::vector<std::string>>> lapsed;
  for (const auto& cell : plan.cells)
    for (const auto& one : cell.lapsed) {
      const auto what = fmt::format("{} ({}): {} has it, {} has not", one.key, one.origin, one.old_plugin, one.new_plugin);
      auto known = std::find_if(lapsed.begin(), lapsed.end(), [&](const auto& l) { return l.first == what; });
      if (known == lapsed.end()) known = lapsed.insert(lapsed.end(), {what, {}});
      known->second.push_back(one.cell);
    }
  std::string text;
  for (const auto& [what, cells] : lapsed)
    text +=
        wrapped(fmt::format("{}: {}", cells.size() > 3 ? counted(cells.size(), "cell") : fmt::format("{}", fmt::join(cells, "; ")), what),
                width, 2);
  return text.empty() ? text : "\nLapsed with a change of plugin:\n" + text;
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
  auto text = stage.cells.size() > kNamed ? counted(stage.cells.size(), "cell") : fmt::format("{}", fmt::join(labels, "; "));
  // A stage of several seeds is pinned: it belongs to none of them.
  if (seeds.size() > 1 && stage.trials == stage.cells.size()) text += fmt::format(", seed {}", stage.trial_seed);
  return text;
}

std::string plan_text(const Plan& plan, size_t width) {
  const auto sound = plan.seeds.empty() ? plan.cells.size() : plan.trials.size() / plan.seeds.size();
  const auto cells =
      sound == plan.cells.size() ? counted(sound, "cell") : fmt::format("{} of {}", sound, counted(plan.cells.size(), "cell"));
  auto text = fmt::format("{}: {} x {} = {}, {}", plan.source, cells, counted(plan.seeds.size(), "seed"),
                          counted(plan.trials.size(), "trial"), counted(plan.stages.size(), "stage"));
  text += fmt::format(": {} to run, {} reused", plan.count(StageState::to_run), plan.count(StageState::reused));
  if (const auto stale = plan.count(StageState::stale)) text += fmt::format(", {} stale", stale);
  if (const auto pruned = plan.count(StageState::pruned)) text += fmt::format(", {} pruned", pruned);
  text = wrapped(text, width, 0);
  if (!plan.question.empty()) text += wrapped(plan.question, width, 2);
  if (!plan.cells.empty()) text += "\n" + cells_text(plan, width);
  if (!plan.stages.empty()) text += "\n" + stages_text(plan, width) + cost_text(plan, width);
  text += lapsed_text(plan, width);
  return text;
}

std::string problems_text(const Plan& plan) {
  return fmt::format("{}: {}\n{}", plan.source, counted(plan.problems.size(), "problem"), fmt::join(plan.problems, "\n"));
}

}  // namespace tessera
