// A training step of the quickstart's tokenizer (conv + vq, 16 images of 32 x 32) against the same model in Python
// (tokenizer_step.py, same weights, batch, loss and optimizer). The answer: the losses of the first steps agree. Both sides take turns in
// blocks of steps; the ratio is that of medians. TESSERA_PYTHON names the interpreter (default: that of .venv); where it cannot import
// torch the comparison is skipped, with the reason.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "conformance/suite.hpp"
#include "core/json.hpp"
#include "core/subprocess.hpp"
#include "engine/optimizer.hpp"
#include "engine/reconstruction_loss.hpp"
#include "engine/tokenizer.hpp"
#include "measure.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

constexpr int64_t kBatch = 16, kBlock = 20, kBlocks = 7;
const ImageShape kImage{3, 32, 32};

Subject plugin(const std::string& file) {
  void* library = dlopen((std::string(TESSERA_BINARY_DIR) + "/plugins/" + file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  size_t count = 0;
  return default_subject(*reinterpret_cast<tessera_plugins_function>(dlsym(library, "tessera_plugins"))(&count));
}

class TrainingStep {
 public:
  TrainingStep() : encoder_(plugin("encoders/conv.so")), quantizer_(plugin("quantizers/vq.so")) {
    quantizer_.values.set("codes", int64_t{256});
    quantizer_.values.set("decay", 0.98);
    quantizer_.values.set("revival", false);  // the one random part
    auto encoder = make<Encoder>(encoder_, {kImage});
    tokenizer = std::make_shared<Tokenizer>(
        kImage, encoder, std::vector<std::shared_ptr<Quantizer>>{make<Quantizer>(quantizer_, {encoder->latents(kImage)[0]})});
    Noise noise(1, "bench");
    auto coarse = noise.normal({kBatch, 3, 8, 8}, "x");
    x_BCHW = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3).clamp(-1, 1);
    tokenizer->start(x_BCHW, noise, kBatch);
    tokenizer->train();
    TrainOptions train;
    train.schedule = "constant";
    train.warmup = 0;
    train.lr = 1e-3;
    optimizer_ = std::make_unique<Optimizer>(*tokenizer, train);
  }

  double operator()(int64_t step) {
    StepContext context{step, 1000, Noise(1, "bench").at(step)};
    auto pass = tokenizer->pass(x_BCHW, context);
    auto loss = loss_(x_BCHW, pass.x_BCHW, tokenizer->encoder().last_layer()).total + pass.loss;
    loss.backward();
    optimizer_->step(step);
    tokenizer->after_step(context);
    return loss.item<double>();
  }

  std::shared_ptr<Tokenizer> tokenizer;
  at::Tensor x_BCHW;

 private:
  static ReconstructionOptions weights() {
    ReconstructionOptions options;
    options.l1 = 0.5;
    options.l2 = 2.0;
    return options;
  }
  Subject encoder_, quantizer_;  // hold the hosts of the plugins
  ReconstructionLoss loss_{weights(), 1.0};
  std::unique_ptr<Optimizer> optimizer_;
};

// The Python side: a child that runs a block of steps for each line.
class Python {
 public:
  explicit Python(const TrainingStep& step) : file_(fs::temp_directory_path() / fmt::format("tessera-bench-{}.safetensors", getpid())) {
    auto state = module_state(*step.tokenizer);
    state.emplace_back("x", step.x_BCHW);
    save_state(file_, state, {});
    const char* named = std::getenv("TESSERA_PYTHON");
    ChildOptions options;
    options.argv = {named ? named : TESSERA_SOURCE_DIR "/.venv/bin/python", TESSERA_SOURCE_DIR "/bench/tokenizer_step.py", file_.string()};
    options.stdin_pipe = true;
    options.environment["OMP_NUM_THREADS"] = std::to_string(at::get_num_threads());
    child_.emplace(options);
    auto ready = answer();
    if (ready.contains("skipped")) throw std::runtime_error("skipped: " + ready.at("skipped").get<std::string>());
  }
  ~Python() { fs::remove(file_); }

  Json run(int64_t steps) {
    child_->write_stdin(std::to_string(steps) + "\n");
    return answer();
  }

 private:
  Json answer() {
    std::string line;
    if (child_->read_line(line, Clock::now() + std::chrono::minutes(5)) != Child::Read::line)
      throw std::runtime_error("tokenizer_step.py did not answer");
    return Json::parse(line);
  }
  fs::path file_;
  std::optional<Child> child_;
};

// Empty, or how the first losses of both sides differ.
std::string wrong(TrainingStep& step, Python& python) {
  auto expected = python.run(5).at("losses").get<std::vector<double>>();
  for (int64_t i = 0; i < 5; ++i) {
    double loss = step(i), other = expected[static_cast<size_t>(i)];
    if (std::abs(loss - other) > 1e-3 * other) return fmt::format("step {}: loss {}, in Python {}", i, loss, other);
  }
  return "";
}

void tokenizer_step(benchmark::State& state) {
  state.SetLabel("ratio >= 1");
  TrainingStep step;
  std::optional<Python> python;
  try {
    python.emplace(step);
  } catch (const std::runtime_error& reason) {
    return state.SkipWithError(reason.what());
  }
  if (auto text = wrong(step, *python); !text.empty()) return state.SkipWithError(text.c_str());
  std::vector<double> ours, theirs;
  int64_t done = 5;
  for (auto _ : state) {
    double block = seconds_of([&] {
      for (int64_t i = 0; i < kBlock; ++i) step(done++);
    });
    ours.push_back(block / kBlock);
    theirs.push_back(python->run(kBlock).at("seconds").get<double>() / kBlock);
    state.SetIterationTime(ours.back());
  }
  state.counters["ms"] = 1e3 * median(ours);
  state.counters["python_ms"] = 1e3 * median(theirs);
  state.counters["ratio"] = median(theirs) / median(ours);
}
BENCHMARK(tokenizer_step)
    ->Name("tokenizer training step, against Python")
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime()
    ->Iterations(kBlocks);

}  // namespace
}  // namespace tessera

BENCHMARK_MAIN();
