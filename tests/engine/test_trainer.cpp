// The training loop: resume gives the same bits, whatever a checkpoint lacks is seen, accumulation equals one large batch.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>

#include "engine/trainer.hpp"
#include "temporary_results.hpp"

namespace tessera {
namespace {

constexpr int64_t kRows = 50;

// Regression with dropout (torch's generator), noise of the step context, and a buffer that after_step moves.
class Regression : public TrainTask {
 public:
  struct Net : torch::nn::Module {
    Net() {
      first = register_module("first", torch::nn::Linear(6, 12));
      second = register_module("second", torch::nn::Linear(12, 2));
      counter = register_buffer("counter", torch::zeros({2}));
    }
    torch::nn::Linear first{nullptr}, second{nullptr};
    at::Tensor counter;
  };

  Regression() {
    torch::manual_seed(1);
    net = std::make_shared<Net>();
    inputs = torch::randn({kRows, 6});
    targets = inputs.slice(1, 0, 2).sin();
  }
  torch::nn::Module& module() override { return *net; }
  int64_t rows() const override { return kRows; }
  Result micro_batch(const at::Tensor& rows_B, const StepContext& step) override {
    auto x = inputs.index_select(0, rows_B);
    if (noisy) {
      x = torch::dropout(x, 0.2, net->is_training());
      x = x + 0.1 * step.noise.normal(x.sizes(), "jitter");
    }
    auto y = net->second(torch::tanh(net->first(x)));
    // Row r scores r % 3 + 1 tokens: weights differ between micro-batches.
    auto weight = (rows_B % 3 + 1).to(torch::kFloat);
    auto total = ((y - targets.index_select(0, rows_B)).square().mean(1) * weight).sum();
    return {total, weight.sum().item<double>(), {{"part", total.detach()}}};
  }
  void after_step(const StepContext& step) override { net->counter.mul_(0.9).add_(step.noise.uniform({2}, "counter")); }
  std::map<std::string, double> validate() override {
    auto y = net->second(torch::tanh(net->first(inputs)));
    return {{"validation_loss", (y - targets).square().mean().item<double>()}};
  }

  std::shared_ptr<Net> net;
  at::Tensor inputs, targets;
  bool noisy = true;
};

TrainOptions settings() {
  TrainOptions options;
  options.steps = 40;
  options.batch = 7;
  options.lr = 1e-2;
  options.warmup = 5;
  options.ema = 0.9;
  options.checkpoint_every = 10;
  options.validate_every = 8;
  return options;
}

Json spec(const std::filesystem::path& results) {
  return {{"results", results.string()}, {"kind", "prior"}, {"key", "0123456789abcdef"}, {"seed", 5}};
}

// Runs until `stop` steps (a stage that is killed), or to the end; returns the state.
NamedTensors train(const std::filesystem::path& results, const TrainOptions& options, int64_t stop = -1, bool noisy = true,
                   bool alike = false) {
  StageFolder folder(results, "prior", "0123456789abcdef");
  auto lease = folder.try_lease();
  EXPECT_TRUE(lease.has_value());
  auto checkpoint = folder.latest_checkpoint(lease->n());
  StageRun run(spec(results), folder, std::move(*lease), checkpoint ? checkpoint->step : 0, Json::object());

  struct Killed {};
  struct Stopping : Regression {
    int64_t stop = -1;
    Result micro_batch(const at::Tensor& rows_B, const StepContext& step) override {
      if (step.step == stop) throw Killed();
      auto result = Regression::micro_batch(rows_B, step);
      if (alike) {
        result.total = result.total / result.weight;
        result.weight = 1;
      }
      return result;
    }
    bool alike = false;
  } task;
  task.stop = stop;
  task.noisy = noisy;
  task.alike = alike;
  try {
    Trainer(task, options, run).train("prior");
    run.end("done", "", 0);
  } catch (const Killed&) {
  }
  return module_state(task.module());
}

bool same_bits(const NamedTensors& a, const NamedTensors& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!torch::equal(a[i].second, b[i].second)) return false;
  return a.size() == b.size();
}

TEST(Trainer, ResumesToTheSameBits) {
  TemporaryResults whole, broken;
  auto expected = train(whole.path(), settings());
  train(broken.path(), settings(), 13);
  train(broken.path(), settings(), 27);
  EXPECT_TRUE(same_bits(expected, train(broken.path(), settings())));
}

TEST(Trainer, AnotherCheckpointIntervalChangesNothing) {
  TemporaryResults a, b;
  auto options = settings();
  auto expected = train(a.path(), options);
  options.checkpoint_every = 3;
  EXPECT_TRUE(same_bits(expected, train(b.path(), options)));
}

// Spoils what a checkpoint holds, as if the trainer had left it out; the resumed run must then differ.
bool survives(const std::function<void(std::string&, at::Tensor&)>& spoil,
              const std::function<void(std::string&, std::string&)>& spoil_meta) {
  TemporaryResults whole, broken;
  auto expected = train(whole.path(), settings());
  train(broken.path(), settings(), 13);
  StageFolder folder(broken.path(), "prior", "0123456789abcdef");
  auto checkpoint = folder.latest_checkpoint(99);
  EXPECT_TRUE(checkpoint.has_value());
  auto file = load_tensors(checkpoint->file);
  NamedTensors tensors;
  for (auto& [name, tensor] : file.tensors) {
    std::string key = name;
    at::Tensor value = tensor.clone();
    spoil(key, value);
    tensors.emplace_back(key, value);
  }
  std::map<std::string, std::string> metadata;
  for (auto [name, value] : file.metadata) {
    std::string key = name;
    spoil_meta(key, value);
    metadata[key] = value;
  }
  save_state(checkpoint->file, tensors, metadata);
  try {
    return same_bits(expected, train(broken.path(), settings()));
  } catch (const std::exception&) {
    return false;
  }
}

TEST(Trainer, EveryPartOfACheckpointMatters) {
  auto keep = [](std::string&, at::Tensor&) {};
  auto keep_meta = [](std::string&, std::string&) {};
  EXPECT_TRUE(survives(keep, keep_meta));
  for (const char* part : {"average.", "optimizer.m.", "optimizer.v.", "optimizer.step.", "model.counter", "model.first"})
    EXPECT_FALSE(survives(
        [part](std::string& name, at::Tensor& tensor) {
          if (name.rfind(part, 0) == 0) tensor.zero_();
        },
        keep_meta))
        << part;
  EXPECT_FALSE(survives(keep, [](std::string& name, std::string& value) {
    if (name == "cursor") value = "0";
  }));
}

TEST(Trainer, AccumulationEqualsOneLargeBatchWhateverEachMicroBatchScores) {
  TemporaryResults a, b;
  auto large = settings(), small = settings();
  large.batch = 10;
  small.batch = 5;
  small.accumulate = 2;
  auto one = train(a.path(), large, -1, false), two = train(b.path(), small, -1, false);
  for (size_t i = 0; i < 4; ++i)  // weights; the buffer's noise is keyed by micro-batch on purpose
    EXPECT_LT((one[i].second - two[i].second).abs().max().item<double>(), 1e-5) << one[i].first;
}

// The mutant: every micro-batch's own mean counts alike, whatever it scored.
TEST(Trainer, MicroBatchesWeightedAlikeAreSeen) {
  TemporaryResults a, b;
  auto large = settings(), small = settings();
  large.batch = 10;
  small.batch = 5;
  small.accumulate = 2;
  auto one = train(a.path(), large, -1, false), two = train(b.path(), small, -1, false, /*alike=*/true);
  EXPECT_GT((one[0].second - two[0].second).abs().max().item<double>(), 1e-4);
}

TEST(Trainer, StopsWhenPatienceEndsWhateverIsKept) {
  for (const char* keep : {"best", "last"}) {
    TemporaryResults results;
    auto options = settings();
    options.lr = 0;  // nothing gets better
    options.validate_every = 2;
    options.patience = 3;
    options.keep = keep;
    train(results.path(), options);
    StageFolder folder(results.path(), "prior", "0123456789abcdef");
    int64_t last = 0;
    std::ifstream journal(folder.runs().back().folder / "journal.jsonl");
    for (std::string line; std::getline(journal, line);)
      if (auto json = parse_json(line, "journal"); json.at("t") == "step") last = json.at("s");
    EXPECT_EQ(last, 8) << keep << ": one validation and three more without a better one";
  }
}

TEST(Trainer, KeepsTheBestValidation) {
  TemporaryResults a, b;
  auto options = settings();
  options.ema = 0;
  options.lr = 0.5;  // diverges after a while
  options.clip = 0;
  auto best = train(a.path(), options);
  options.keep = "last";
  auto last = train(b.path(), options);
  Regression task;
  auto loss = [&](const NamedTensors& state) {
    torch::NoGradGuard no_grad;
    auto target = module_state(task.module());
    for (size_t i = 0; i < target.size(); ++i) target[i].second.copy_(state[i].second);
    return task.validate()["validation_loss"];
  };
  EXPECT_LE(loss(best), loss(last));
}

}  // namespace
}  // namespace tessera
