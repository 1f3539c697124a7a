#include "cli/run/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace tessera {
namespace {

constexpr auto kFrame = std::chrono::milliseconds(100);
constexpr auto kPlainInterval = std::chrono::seconds(15);
constexpr size_t kBarWidth = 20;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

size_t terminal_columns(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string significant(const Json& value) {
  return value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

// At most three: a line is short, the journal has them all.
std::string metrics_text(const Json& metrics) {
  std::string text;
  int shown = 0;
  for (const auto& [name, value] : metrics.items()) {
    if (++shown > 3) break;
    text += fmt::format("  {} {}", name, significant(value));
  }
  return text;
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

ProgressDisplay::ProgressDisplay(const Plan& plan, std::FILE* out, std::function<void(const Json&)> every_second)
    : plan_(plan), out_(out), terminal_(::isatty(::fileno(out)) == 1), every_second_(std::move(every_second)), began_(Clock::now()) {
  total_ = plan.count(StageState::to_run);
}

ProgressDisplay::~ProgressDisplay() { erase(); }

std::string ProgressDisplay::name(const PlannedStage& stage) const {
  const auto users = plan_.trials.size() > 1 ? plan_.users(stage) : "";
  return users.empty() ? stage.title() : fmt::format("{} ({})", stage.title(), users);
}

void ProgressDisplay::started(const PlannedStage& stage, int64_t slot) {
  // Another attempt, or its turn after another front's host, goes on in the old line.
  const auto known = std::find_if(bars_.begin(), bars_.end(), [&](const auto& one) { return one.first == stage.key; });
  if (known != bars_.end()) {
    known->second.slot = slot;
    known->second.elsewhere = false;
    return;
  }
  Bar bar;
  bar.slot = slot;
  bar.name = name(stage);
  bar.started = bar.last_line = Clock::now();
  bars_.emplace_back(stage.key, std::move(bar));
  if (!terminal_) say(bars_.back().second.name + ": started");
  redraw();
}

void ProgressDisplay::progress(const PlannedStage& stage, const Json& line) {
  for (auto& [key, bar] : bars_) {
    if (key != stage.key) continue;
    bar.step = line.value("step", int64_t{0});
    bar.steps = line.value("steps", int64_t{0});
    if (const auto rate = line.find("rate"); rate != line.end() && rate->is_number()) bar.rate = *rate;
    if (const auto metrics = line.find("metrics"); metrics != line.end() && metrics->is_object()) bar.metrics = *metrics;
    if (!terminal_ && Clock::now() - bar.last_line >= kPlainInterval) {
      bar.last_line = Clock::now();
      say(bar.name + ": " + describe(bar));
    }
  }
  if (Clock::now() - last_draw_ >= kFrame) redraw();
}

void ProgressDisplay::elsewhere(const PlannedStage& stage) {
  for (auto& [key, bar] : bars_)
    if (key == stage.key) bar.elsewhere = true;
  say(name(stage) + ": another run computes it, waiting");
}

void ProgressDisplay::ended(const PlannedStage& stage, const StageResult& result) {
  const auto before = bars_.size();
  std::erase_if(bars_, [&](const auto& one) { return one.first == stage.key; });
  const bool began = bars_.size() != before;
  ++outcomes_[to_string(result.outcome)];
  if (result.outcome == StageOutcome::done) ++done_;
  switch (result.outcome) {
    case StageOutcome::done: say(fmt::format("{}: done in {}", name(stage), clock_text(result.seconds))); break;
    case StageOutcome::failed:
      say(fmt::format("{}: FAILED: {}{}", name(stage), result.reason,
                      result.log.empty() ? "" : fmt::format("\n  log: {}", result.log.string())));
      break;
    case StageOutcome::pruned: say(fmt::format("{}: pruned, {}", name(stage), result.reason)); break;
    case StageOutcome::skipped: say(fmt::format("{}: skipped, {}", name(stage), result.reason)); break;
    case StageOutcome::interrupted:
      if (began) say(name(stage) + ": interrupted, the next run goes on from its last checkpoint");
      break;
  }
  redraw();
}

void ProgressDisplay::failed_once(const PlannedStage& stage, const StageResult& result) {
  say(fmt::format("{}: attempt {} FAILED: {}; it is tried again{}", name(stage), result.attempts, result.reason,
                  result.log.empty() ? "" : fmt::format("\n  log: {}", result.log.string())));
}

Json ProgressDisplay::status() const {
  Json stages = Json::array();
  for (const auto& [key, bar] : bars_)
    stages.push_back({{"stage", key},
                      {"name", bar.name},
                      {"slot", bar.slot},
                      {"elsewhere", bar.elsewhere},
                      {"step", bar.step},
                      {"steps", bar.steps},
                      {"rate", bar.rate},
                      {"seconds", seconds_since(bar.started)},
                      {"metrics", bar.metrics}});
  return {
      {"experiment", plan_.experiment}, {"total", total_}, {"outcomes", outcomes_}, {"seconds", seconds_since(began_)}, {"stages", stages}};
}

void ProgressDisplay::stopping(size_t running) {
  if (running == 0) return say("stopping");
  say(fmt::format("stopping: {} {} a checkpoint; once more to stop at once", running, running == 1 ? "stage writes" : "stages write"));
}

void ProgressDisplay::warning(const std::string& text) { say("WARNING: " + text); }

void ProgressDisplay::tick() {
  every_second_(status());
  redraw();
}

std::string ProgressDisplay::describe(const Bar& bar) const {
  if (bar.elsewhere) return "computed by another run";
  if (bar.steps <= 0) return clock_text(seconds_since(bar.started));
  std::string text = fmt::format("{}/{}", bar.step, bar.steps);
  if (bar.rate > 0) text += fmt::format("  {:.3g}/s  {} left", bar.rate, clock_text(static_cast<double>(bar.steps - bar.step) / bar.rate));
  return text + metrics_text(bar.metrics);
}

std::string ProgressDisplay::draw(const Bar& bar, size_t name_width, size_t columns) const {
  const double share = bar.steps > 0 ? std::clamp(static_cast<double>(bar.step) / static_cast<double>(bar.steps), 0.0, 1.0) : 0.0;
  const auto full = static_cast<size_t>(share * kBarWidth);
  // Only the bar's marks take more bytes than columns; the rest is cut to the line so that redrawing counts lines right.
  const auto label = fmt::format("{:<{}}", bar.name, name_width);
  const auto text = fmt::format("  {}", describe(bar));
  const size_t used = std::min(label.size(), columns - 1);
  std::string line = label.substr(0, used);
  if (used + kBarWidth + 4 >= columns) return line;
  line += "  ";
  for (size_t i = 0; i < kBarWidth; ++i) line += i < full ? "█" : "░";
  return line + text.substr(0, columns - used - kBarWidth - 3);
}

void ProgressDisplay::erase() {
  if (terminal_ && drawn_ > 0) fmt::print(out_, "\x1b[{}A\r\x1b[J", drawn_);
  drawn_ = 0;
}

void ProgressDisplay::say(const std::string& text) {
  erase();
  fmt::print(out_, "[{}] {}\n", clock_text(seconds_since(began_)), text);
  redraw();
  std::fflush(out_);
}

void ProgressDisplay::redraw() {
  if (!terminal_) return;
  erase();
  last_draw_ = Clock::now();
  const auto columns = terminal_columns(out_);
  size_t width = 0;
  for (const auto& [key, bar] : bars_) width = std::max(width, bar.name.size());
  for (const auto& [key, bar] : bars_) fmt::print(out_, "{}\n", draw(bar, width, columns));
  fmt::print(out_, "{}\n", fmt::format("{} of {} stages, {}", done_, total_, clock_text(seconds_since(began_))).substr(0, columns - 1));
  drawn_ = bars_.size() + 1;
  std::fflush(out_);
}

}  // namespace tessera
