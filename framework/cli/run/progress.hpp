// What a run shows while it goes on. On a terminal: a bar a running stage, redrawn in place, with rate and time left;
// elsewhere: a plain line when a stage begins, every quarter of a minute, and when it ends.
#pragma once
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiment/run/scheduler.hpp"

namespace tessera {

class ProgressDisplay : public RunObserver {
 public:
  // `every_second` is called with each tick and what status() says then. Writes to `out`, as a terminal when it is one.
  ProgressDisplay(const Plan& plan, std::FILE* out, std::function<void(const Json&)> every_second);
  ~ProgressDisplay() override;
  void started(const PlannedStage& stage, int64_t slot) override;
  void progress(const PlannedStage& stage, const Json& line) override;
  void elsewhere(const PlannedStage& stage) override;
  void failed_once(const PlannedStage& stage, const StageResult& result) override;
  void ended(const PlannedStage& stage, const StageResult& result) override;
  void stopping(size_t running) override;
  void warning(const std::string& text) override;
  void tick() override;
  // What `tessera status` shows of this run: stages that run, and how many there are.
  Json status() const;

 private:
  struct Bar {
    std::string name;
    Clock::time_point started, last_line;
    int64_t step = 0, steps = 0;
    double rate = 0;
    Json metrics = Json::object();
    int64_t slot = 0;
    bool elsewhere = false;
  };
  std::string name(const PlannedStage& stage) const;
  std::string describe(const Bar& bar) const;
  std::string draw(const Bar& bar, size_t name_width, size_t columns) const;
  void say(const std::string& text);
  void erase();
  void redraw();

  const Plan& plan_;
  std::FILE* out_;
  bool terminal_;
  std::function<void(const Json&)> every_second_;
  Clock::time_point began_, last_draw_;
  std::vector<std::pair<std::string, Bar>> bars_;  // by key, in the order of their start
  size_t drawn_ = 0, done_ = 0, total_ = 0;
  std::map<std::string, size_t> outcomes_;
};

// The first three of a step's scalars: "  loss 4.1  lr 0.002".
std::string metrics_text(const Json& metrics);
// "0:41", "2:03:10"
std::string clock_text(double seconds);

}  // namespace tessera
