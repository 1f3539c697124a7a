// A host that computes nothing: journals at full rate, as trainers, evaluations and samplers do, stage after stage, until its time is
// over. Then it says what it wrote, for a test to hold against the ledger. Usage: full_rate_writer RESULTS NUMBER SECONDS
//
// Prints one JSON object a stage: key, points and their checksum, samples, events. All values are eighths: sums are exact. Its trials
// are cells of the experiment `full_rate`, one a writer, one seed a stage.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/journal.hpp"
#include "core/stage_folder.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kSteps = 2000, kScores = 500, kSamples = 16;
constexpr int64_t kScalars = 4;

void mark_live(const fs::path& results, const std::string& uuid, const fs::path& journal) {
  fs::create_directories(results / "live");
  write_file_atomically(results / "live" / uuid, journal.lexically_relative(results).string());
}

double seconds_since_epoch() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

struct Written {
  int64_t points = 0, samples = 0, events = 0;
  double sum = 0;
};

class Writer {
 public:
  Writer(fs::path results, int64_t number) : results_(std::move(results)), number_(number), uuid_(make_uuid()) {
    fs::create_directories(results_ / "fronts");
    const auto file = results_ / "fronts" / (uuid_ + ".jsonl");
    mark_live(results_, uuid_, file);
    front_ = std::make_unique<JournalWriter>(
        file,
        Json{{"what", "front"}, {"uuid", uuid_}, {"argv", {"tessera", "run"}}, {"time", seconds_since_epoch()}, {"env", Json::object()}});
    front_->write({{"t", "experiment"},
                   {"name", "full_rate"},
                   {"question", "Is a row lost?"},
                   {"source", ""},
                   {"baseline", "writer 0"},
                   {"adds", true}});
    front_->write({{"t", "cell"},
                   {"experiment", "full_rate"},
                   {"hash", cell()},
                   {"label", fmt::format("writer {}", number_)},
                   {"axes", Json::object()},
                   {"options", Json::array()}});
  }
  void end() {
    front_->write({{"t", "end"}, {"state", "done"}, {"error", ""}, {"exit", 0}, {"time", seconds_since_epoch()}, {"seconds", 1.0}});
  }

  void stage(int64_t seed) {
    const auto key = sha256(fmt::format("{}/{}", number_, seed)).substr(0, 32);
    front_->write({{"t", "trial"}, {"experiment", "full_rate"}, {"cell", cell()}, {"seed", seed}, {"stages", {{"prior", key}}}});
    const StageFolder folder(results_, "prior", key);
    const auto lease = folder.try_lease();
    if (!lease) throw Error(ExitCode::busy, "the stage is taken");
    const auto uuid = make_uuid();
    mark_live(results_, uuid, lease->journal());
    JournalWriter journal(lease->journal(), {{"what", "run"},
                                             {"uuid", uuid},
                                             {"stage", key},
                                             {"kind", "prior"},
                                             {"n", lease->n()},
                                             {"from_step", 0},
                                             {"parts", Json::object()},
                                             {"inputs", Json::object()},
                                             {"env", Json::object()},
                                             {"seed", seed},
                                             {"time", seconds_since_epoch()}});
    Written written;
    write_all(journal, written);
    write_file_atomically(lease->out() / "out.txt", key);
    const auto outputs = describe_outputs(lease->out());
    journal.sync();
    lease->publish({{"kind", "prior"},
                    {"key", key},
                    {"parts", Json::object()},
                    {"inputs", Json::object()},
                    {"outputs", outputs},
                    {"plugins", Json::object()}});
    journal.write({{"t", "publish"}, {"outputs", outputs}, {"inputs", Json::object()}});
    journal.write({{"t", "end"},
                   {"state", "done"},
                   {"error", ""},
                   {"exit", 0},
                   {"time", seconds_since_epoch()},
                   {"seconds", 1.0},
                   {"cpu_seconds", 1.0}});
    fmt::print("{}\n", to_line({{"stage", key},
                                {"points", written.points},
                                {"sum", written.sum},
                                {"samples", written.samples},
                                {"events", written.events},
                                {"lines", journal.lines()}}));
  }

 private:
  std::string cell() const { return fmt::format("{:032}", number_); }

  double value(Written& written, int64_t step, int64_t metric) const {
    const double value = static_cast<double>((step * 31 + metric * 7 + number_) % 1024) / 8;
    ++written.points;
    written.sum += value;
    return value;
  }

  void write_all(JournalWriter& journal, Written& written) const {
    const auto name = [](int64_t metric) { return fmt::format("scalar_{}", metric); };
    for (int64_t m = 0; m <= kScalars; ++m)
      journal.write({{"t", "metric"},
                     {"name", m == kScalars ? "score" : name(m)},
                     {"axis", m == kScalars ? "sample" : "step"},
                     {"goal", m == 0 ? "min" : "none"},
                     {"unit", ""},
                     {"timing", false},
                     {"definition", "Of a test."},
                     {"revision", 1}});
    for (int64_t step = 1; step <= kSteps; ++step) {
      Json values = Json::object();
      for (int64_t m = 0; m < kScalars; ++m) values[name(m)] = value(written, step, m);
      journal.write({{"t", "step"}, {"s", step}, {"v", std::move(values)}});
      if (step % 500 != 0) continue;
      journal.write({{"t", "event"}, {"level", "info"}, {"text", fmt::format("step {}", step)}, {"time", 1.0}});
      ++written.events;
    }
    Json indices = Json::array(), scores = Json::array();
    for (int64_t i = 0; i < kScores; ++i) indices.push_back(i), scores.push_back(value(written, i, kScalars));
    journal.write({{"t", "points"}, {"m", "score"}, {"i", std::move(indices)}, {"v", std::move(scores)}});
    for (; written.samples < kSamples; ++written.samples)
      journal.write(
          {{"t", "sample"}, {"i", written.samples}, {"noise_seed", 1}, {"label", -1}, {"ids", {1, 2}}, {"commit", {0, 1}}, {"logp", -0.5}});
  }

  fs::path results_;
  int64_t number_;
  std::string uuid_;
  std::unique_ptr<JournalWriter> front_;
};

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "Usage: full_rate_writer RESULTS NUMBER SECONDS\n");
    return 2;
  }
  try {
    const auto until = tessera::Clock::now() + std::chrono::milliseconds(static_cast<int64_t>(1000 * std::stod(argv[3])));
    tessera::Writer writer(argv[1], std::stoll(argv[2]));
    for (int64_t seed = 0; tessera::Clock::now() < until; ++seed) writer.stage(seed);
    writer.end();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
