// Start-up of the program: what anyone waits for at every call. Caches are warm, and of this benchmark alone: the first call of
// each command fills them. From the start of the process to its end, its output read; medians. The answer: the first call's output
// has the words that it must have, and every timed call prints the same.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "core/subprocess.hpp"
#include "measure.hpp"

namespace tessera {
namespace {

constexpr int64_t kCalls = 31;

struct Command {
  std::string name;
  std::vector<std::string> words, expected;
  int limit_ms;
};

const std::vector<Command> kCommands{
    {"tessera --help", {"--help"}, {"Usage: tessera VERB", "  run ", "  plan ", "  plugins "}, 20},
    {"tessera plugins", {"plugins"}, {"encoder/conv ", "quantizer/vq ", "prior/gpt ", "sampling/scan_line "}, 30},
    {"tessera plan experiments/quickstart.toml",
     {"plan", TESSERA_SOURCE_DIR "/experiments/quickstart.toml"},
     {"3 trials", "\n  causal ", "\n  masked ", "\n  halton ", "evaluation of samples free"},
     100}};

// All that the program printed.
std::string output_of(const Command& command, const std::filesystem::path& folder) {
  ChildOptions options;
  options.argv = {executable_folder() / "tessera"};
  options.argv.insert(options.argv.end(), command.words.begin(), command.words.end());
  if (command.words.back().front() != '-') options.argv.insert(options.argv.end(), {"--results", folder / "results"});
  options.environment = {{"TESSERA_CACHE", folder / "cache"}, {"TESSERA_PLUGIN_PATH", ""}};
  options.err = Stream::pipe;
  Child child(options);
  std::string text, line;
  while (child.read_line(line, Clock::now() + std::chrono::minutes(1)) == Child::Read::line) text += line + "\n";
  auto status = child.wait(Clock::now() + std::chrono::minutes(1));
  if (!status || !status->clean())
    throw std::runtime_error(fmt::format("{} {}: {}", command.name, status ? status->describe() : "hangs", child.drain_err()));
  return text;
}

void start_up(benchmark::State& state, const Command& command) {
  state.SetLabel(fmt::format("median_ms <= {}", command.limit_ms));
  try {
    TemporaryFolder folder;
    auto answer = output_of(command, folder.path());
    for (const auto& words : command.expected)
      if (answer.find(words) == std::string::npos) throw std::runtime_error(fmt::format("\"{}\" is not in what it printed", words));
    std::vector<double> seconds;
    for (auto _ : state) {
      std::string text;
      seconds.push_back(seconds_of([&] { text = output_of(command, folder.path()); }));
      if (text != answer) throw std::runtime_error("two calls printed different things");
      state.SetIterationTime(seconds.back());
    }
    state.counters["median_ms"] = 1e3 * median(seconds);
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
  }
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const auto& command : tessera::kCommands)
    benchmark::RegisterBenchmark(command.name.c_str(), tessera::start_up, command)
        ->Unit(benchmark::kMillisecond)
        ->UseManualTime()
        ->Iterations(tessera::kCalls);
  benchmark::RunSpecifiedBenchmarks();
}
