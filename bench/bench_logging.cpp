// Logging of ten scalars a step at 10 ms steps, on against off, on the trainers' own path (StageRun::step, a journal on disk).
// A block is ABBA, that is on, off, off, on, so that a machine which slows down or speeds up slows both alike; the interval is
// Student's over the blocks' relative differences. The work of a step is a fixed number of matrix products on one thread, as many as
// took 10 ms at the start: a wait until 10 ms have passed would hide what logging costs. The answer: the journal says what was logged.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/journal.hpp"
#include "engine/stage_run.hpp"
#include "experiment/statistics/statistics.hpp"
#include "measure.hpp"

namespace tessera {
namespace {

constexpr int64_t kBlocks = 20, kRounds = 4, kSegmentSteps = 5, kScalars = 10, kChecked = 20;
constexpr double kStepSeconds = 10e-3;

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Work {
 public:
  // The fastest of five tries: a step takes 10 ms where nothing else runs, more otherwise.
  Work() {
    double fastest = std::numeric_limits<double>::max();
    for (int64_t i = 0; i < 5; ++i) fastest = std::min(fastest, seconds_of([&] { products(20); }));
    a_step_ = std::llround(kStepSeconds * 20 / fastest);
  }
  void operator()() { products(a_step_); }

 private:
  void products(int64_t n) {
    for (int64_t i = 0; i < n; ++i) torch::mm_out(y_, x_, x_);
  }
  at::Tensor x_ = torch::ones({512, 512}), y_ = torch::empty({512, 512});
  int64_t a_step_ = 0;
};

class Logging {
 public:
  Logging()
      : run_({{"results", results_.path().string()}, {"kind", "prior"}, {"key", kKey}}, folder_, *folder_.try_lease(), 0, Json::object()) {
    for (int64_t i = 0; i < kScalars; ++i) names_.push_back(fmt::format("scalar_{}", i));
  }

  // As a trainer does: gathers the scalars of a step and hands them over.
  void operator()() {
    double begin = thread_cpu_seconds();
    ++step_;
    std::map<std::string, double> values;
    for (int64_t i = 0; i < kScalars; ++i) values[names_[static_cast<size_t>(i)]] = value(step_, i);
    run_.step(step_, values);
    cpu_seconds_ += thread_cpu_seconds() - begin;
  }

  // Empty, or what the journal does not say.
  std::string wrong() {
    JournalReader journal(run_.lease().journal());
    int64_t steps = 0;
    while (auto line = journal.next()) {
      if (line->at("t") != "step") continue;
      ++steps;
      for (int64_t i = 0; i < kScalars; ++i) {
        const auto& name = names_[static_cast<size_t>(i)];
        if (line->at("s") != steps || line->at("v").size() != names_.size() || line->at("v").at(name) != value(steps, i))
          return fmt::format("step {} of the journal is {}", steps, line->dump());
      }
    }
    return steps == step_ ? "" : fmt::format("found {} steps in the journal, expected {}", steps, step_);
  }

  double cpu_us_per_step() const { return 1e6 * cpu_seconds_ / static_cast<double>(step_); }

 private:
  static constexpr const char* kKey = "00000000000000000000000000000000";
  static double value(int64_t step, int64_t i) { return static_cast<double>(i + 1) / static_cast<double>(step); }

  TemporaryFolder results_;
  StageFolder folder_{results_.path(), "prior", kKey};
  StageRun run_;
  std::vector<std::string> names_;
  int64_t step_ = 0;
  double cpu_seconds_ = 0;
};

void logging(benchmark::State& state) {
  state.SetLabel("upper_end_% <= 3, cpu_us <= 50");
  at::set_num_threads(1);
  torch::NoGradGuard no_grad;
  Logging log;
  for (int64_t i = 0; i < kChecked; ++i) log();
  if (auto text = log.wrong(); !text.empty()) return state.SkipWithError(text.c_str());
  Work work;
  auto segment = [&](bool on) {
    return seconds_of([&] {
      for (int64_t i = 0; i < kSegmentSteps; ++i) {
        work();
        if (on) log();
      }
    });
  };
  std::vector<double> percent;
  double off_seconds = 0;
  for (auto _ : state) {
    double on = 0, off = 0;
    for (int64_t round = 0; round < kRounds; ++round) {
      on += segment(true);
      off += segment(false);
      off += segment(false);
      on += segment(true);
    }
    percent.push_back(100 * (on - off) / off);
    off_seconds += off;
    state.SetIterationTime(on + off);
  }
  auto difference = estimate(percent);
  state.counters["step_ms"] = 1e3 * off_seconds / (2 * kBlocks * kRounds * kSegmentSteps);
  state.counters["mean_%"] = difference.mean;
  state.counters["upper_end_%"] = difference.mean + difference.half_width.value();
  state.counters["cpu_us"] = log.cpu_us_per_step();
}
BENCHMARK(logging)
    ->Name("logging of 10 scalars a step, on against off")
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime()
    ->Iterations(kBlocks);

}  // namespace
}  // namespace tessera

BENCHMARK_MAIN();
