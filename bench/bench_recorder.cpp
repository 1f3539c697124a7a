// Recorder: metric points a second, from journals on disk to committed rows.
// The answer is checked first: count, sum and summaries of what was recorded.
#include <SQLiteCpp/Statement.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "measure.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

// Four live runs of 5,000 steps with ten scalars a step, as trainers write them.
constexpr int64_t kRuns = 4, kSteps = 5'000, kScalars = 10, kPoints = kRuns * kSteps * kScalars;

class LiveRuns {
 public:
  LiveRuns() {
    fs::create_directories(folder() / "live");
    record(folder());  // an empty ledger: the runs then arrive through results/live
    for (int64_t run = 0; run < kRuns; ++run) {
      const std::string path = fmt::format("stages/prior-{}/runs/1/journal.jsonl", run);
      fs::create_directories((folder() / path).parent_path());
      std::ofstream journal(folder() / path);
      int64_t q = 0;
      journal
          << fmt::format(
                 R"({{"t":"begin","format":1,"q":{},"what":"run","uuid":"r{}","stage":"{}","kind":"prior","n":1,"from_step":0,"parts":{{}}}})",
                 q++, run, run)
          << '\n';
      for (int64_t m = 0; m < kScalars; ++m)
        journal
            << fmt::format(
                   R"({{"t":"metric","q":{},"name":"scalar_{}","axis":"step","goal":"none","unit":"","timing":false,"definition":"","revision":1}})",
                   q++, m)
            << '\n';
      for (int64_t s = 1; s <= kSteps; ++s) {
        journal << fmt::format(R"({{"q":{},"s":{},"t":"step","v":{{)", q++, s);
        for (int64_t m = 0; m < kScalars; ++m) journal << fmt::format(R"({}"scalar_{}":{})", m ? "," : "", m, value(run, s, m));
        journal << "}}\n";
      }
      std::ofstream(folder() / "live" / fmt::format("r{}", run)) << path;
    }
  }
  const fs::path& folder() const { return folder_.path(); }
  static double value(int64_t run, int64_t s, int64_t m) {
    return static_cast<double>(run + 1) + static_cast<double>(m) / static_cast<double>(s);
  }

 private:
  TemporaryFolder folder_;
};

bool answer_is_right(const fs::path& results) {
  auto database = open_read_only(ledger_file(results));
  SQLite::Statement row(database, "SELECT count(*), sum(value), (SELECT sum(n) FROM summary), (SELECT sum(steps) FROM summary) FROM point");
  row.executeStep();
  double expected = 0;
  for (int64_t run = 0; run < kRuns; ++run)
    for (int64_t s = 1; s <= kSteps; ++s)
      for (int64_t m = 0; m < kScalars; ++m) expected += LiveRuns::value(run, s, m);
  return row.getColumn(0).getInt64() == kPoints && std::fabs(row.getColumn(1).getDouble() - expected) < 1e-6 * expected &&
         row.getColumn(2).getInt64() == kPoints && row.getColumn(3).getInt64() == kRuns * kScalars * kSteps;
}

void record_points(benchmark::State& state) {
  state.SetLabel("points/s >= 150000");
  {
    LiveRuns checked;
    record(checked.folder());
    if (!answer_is_right(checked.folder())) {
      state.SkipWithError("the ledger does not hold what the journals say");
      return;
    }
  }
  for (auto _ : state) {
    state.PauseTiming();
    auto runs = std::make_unique<LiveRuns>();
    state.ResumeTiming();
    record(runs->folder());
    state.PauseTiming();
    runs.reset();
    state.ResumeTiming();
  }
  state.counters["points/s"] = benchmark::Counter(static_cast<double>(state.iterations() * kPoints), benchmark::Counter::kIsRate);
}
BENCHMARK(record_points)->Name("recorder, metric points")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace tessera

BENCHMARK_MAIN();
