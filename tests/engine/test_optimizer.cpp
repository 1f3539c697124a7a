// Our fused AdamW against LibTorch's own, and the learning-rate schedule against its formula. Wrong settings must be seen.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "engine/optimizer.hpp"

namespace tessera {
namespace {

struct Net : torch::nn::Module {
  Net() {
    first = register_module("first", torch::nn::Linear(8, 16));
    second = register_module("second", torch::nn::Linear(16, 4));
  }
  at::Tensor forward(const at::Tensor& x) { return second(torch::tanh(first(x))); }
  torch::nn::Linear first{nullptr}, second{nullptr};
};

std::shared_ptr<Net> net() {
  torch::manual_seed(3);
  return std::make_shared<Net>();
}

at::Tensor loss_of(Net& net, int64_t step) {
  torch::manual_seed(100 + static_cast<uint64_t>(step));
  auto x = torch::randn({32, 8});
  return (net.forward(x) - x.slice(1, 0, 4).sin()).square().mean();
}

// Largest difference of weights after 30 steps between ours with `options` and LibTorch's with lr 1e-2, betas .9 .99, decay .1.
double difference_to_libtorch(const TrainOptions& options) {
  auto ours = net(), theirs = net();
  Optimizer optimizer(*ours, options);
  std::vector<at::Tensor> decayed, plain;
  for (auto& p : theirs->parameters()) (p.dim() >= 2 ? decayed : plain).push_back(p);
  auto settings = torch::optim::AdamWOptions(1e-2).betas({0.9, 0.99}).eps(1e-8);
  torch::optim::AdamW reference(
      {torch::optim::OptimizerParamGroup(
           decayed, std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(settings).weight_decay(0.1))),
       torch::optim::OptimizerParamGroup(
           plain, std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(settings).weight_decay(0.0)))},
      settings);
  for (int64_t step = 0; step < 30; ++step) {
    loss_of(*ours, step).backward();
    optimizer.step(step);
    reference.zero_grad();
    loss_of(*theirs, step).backward();
    reference.step();
  }
  double worst = 0;
  auto a = ours->parameters(), b = theirs->parameters();
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, (a[i] - b[i]).abs().max().item<double>());
  return worst;
}

TrainOptions settings() {
  TrainOptions options;
  options.lr = 1e-2;
  options.warmup = 0;
  options.schedule = "constant";
  options.weight_decay = 0.1;
  options.clip = 0;
  return options;
}

// 30 steps of fp32 in another order of operations: last bits only.
constexpr double kTolerance = 2e-6;

TEST(Optimizer, EqualsLibTorchAdamW) { EXPECT_LT(difference_to_libtorch(settings()), kTolerance); }

TEST(Optimizer, WrongSettingsAreSeen) {
  auto lr = settings();
  lr.lr *= 1.01;
  EXPECT_GT(difference_to_libtorch(lr), kTolerance);
  auto beta = settings();
  beta.beta2 = 0.98;
  EXPECT_GT(difference_to_libtorch(beta), kTolerance);
  auto decay = settings();
  decay.weight_decay = 0.11;
  EXPECT_GT(difference_to_libtorch(decay), kTolerance);
}

TEST(Optimizer, ClipsToTheNormAndReportsTheNormBefore) {
  auto options = settings();
  options.clip = 1e-3;
  options.lr = 0;
  auto module = net();
  Optimizer optimizer(*module, options);
  (1000 * loss_of(*module, 0)).backward();
  double squared = 0;
  for (auto& p : module->parameters()) squared += p.grad().square().sum().item<double>();
  EXPECT_NEAR(optimizer.step(0), std::sqrt(squared), 1e-3 * std::sqrt(squared));
}

TEST(Optimizer, LeavesEverythingAloneWhenTheGradientIsNotFinite) {
  auto module = net();
  Optimizer optimizer(*module, settings());
  auto before = module->first->weight.clone();
  (loss_of(*module, 0) * std::numeric_limits<float>::quiet_NaN()).backward();
  EXPECT_FALSE(std::isfinite(optimizer.step(0)));
  EXPECT_TRUE(torch::equal(before, module->first->weight));
}

TEST(Optimizer, MovingAverageIsTheRecurrence) {
  auto options = settings();
  options.ema = 0.9;
  auto module = net();
  Optimizer optimizer(*module, options);
  auto expected = module->first->weight.detach().clone();
  for (int64_t step = 0; step < 5; ++step) {
    loss_of(*module, step).backward();
    optimizer.step(step);
    // The memory grows with the steps that it can have: 0.1, 2/11, 3/12 … and 0.9 in the end.
    double decay = std::min(0.9, (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step)));
    expected = decay * expected + (1 - decay) * module->first->weight.detach();
  }
  auto trained = module->first->weight.detach().clone();
  optimizer.swap_average();
  EXPECT_LT((module->first->weight - expected).abs().max().item<double>(), 1e-6);
  EXPECT_GT((module->first->weight - trained).abs().max().item<double>(), 1e-4);
  optimizer.swap_average();
  EXPECT_TRUE(torch::equal(module->first->weight, trained));
}

TEST(Optimizer, MovingAverageForgetsWhatWasBeforeTheStart) {
  auto options = settings();
  options.ema = 0.999;
  auto module = net();
  Optimizer optimizer(*module, options);
  torch::NoGradGuard no_grad;
  module->first->weight.fill_(3);  // set from data
  optimizer.restart_average();
  optimizer.swap_average();
  EXPECT_TRUE(module->first->weight.eq(3).all().item<bool>());
}

TEST(Optimizer, LeavesEverythingAloneWhenTheLossIsNotFinite) {
  auto module = net();
  Optimizer optimizer(*module, settings());
  auto before = module->first->weight.clone();
  loss_of(*module, 0).backward();
  EXPECT_TRUE(std::isfinite(optimizer.step(0, /*loss_is_finite=*/false)));
  EXPECT_TRUE(torch::equal(before, module->first->weight));
  EXPECT_FALSE(module->first->weight.grad().defined());
}

TEST(LearningRate, WarmsUpAndDecays) {
  TrainOptions options;
  options.lr = 1.0;
  options.steps = 110;
  options.warmup = 10;
  options.final_lr = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate(options, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(options, 9), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(options, 10), 1.0);
  EXPECT_NEAR(learning_rate(options, 60), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(options, 110), 0.1, 1e-12);
  options.schedule = "linear";
  EXPECT_NEAR(learning_rate(options, 35), 0.1 + 0.9 * 0.75, 1e-12);
  options.schedule = "constant";
  EXPECT_DOUBLE_EQ(learning_rate(options, 109), 1.0);
}

}  // namespace
}  // namespace tessera
