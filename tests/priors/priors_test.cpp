// What gpt and maskgit are beyond the laws of all priors: sizes, the masks that maskgit draws, texts.
#include <gtest/gtest.h>

#include "nn/schedules.hpp"
#include "plugin_files.hpp"

namespace tessera {
namespace {

Subject subject(const std::string& id, const std::vector<std::pair<std::string, OptionValue>>& options = {}) {
  for (auto& found : built_plugins("priors"))
    if (found.name == id) {
      for (const auto& option : options) found.values.set(option.first, option.second);
      return found;
    }
  throw std::runtime_error("no prior " + id);
}

TokenLayout quickstart() { return TokenLayout({{8, 8, 256, true}}); }

int64_t parameters(const Prior& prior) {
  int64_t total = 0;
  for (const auto& parameter : prior.parameters()) total += parameter.numel();
  return total;
}

TEST(Priors, HaveOneSizeButForTheMaskEmbedding) {
  for (const char* positions : {"learned", "rotary"}) {
    auto gpt = make<Prior>(subject("gpt", {{"positions", std::string(positions)}}), {quickstart(), 0, nullptr});
    auto maskgit = make<Prior>(subject("maskgit", {{"positions", std::string(positions)}}), {quickstart(), 0, nullptr});
    EXPECT_EQ(parameters(*maskgit) - parameters(*gpt), 128) << positions;
  }
  EXPECT_EQ(parameters(*make<Prior>(subject("gpt"), {quickstart(), 0, nullptr})), 867456);
}

TEST(Priors, NameTheOptionThatDoesNotFit) {
  std::string text;
  try {
    make<Prior>(subject("gpt", {{"heads", int64_t{5}}}), {quickstart(), 0, nullptr});
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  EXPECT_EQ(text, "create failed: heads: found 5, expected a divisor of the width 128");
}

// One row a batch: its weight is the number of masked positions, ceil(gamma(r) N), r from the step's noise.
TEST(MaskGit, MasksExactlyWhatTheScheduleSays) {
  torch::NoGradGuard no_grad;
  auto ids = torch::zeros({1, 64}, torch::kLong);
  for (const auto& name : MaskSchedule::names()) {
    auto prior = make<Prior>(subject("maskgit", {{"mask_schedule", name}, {"width", int64_t{8}}, {"layers", int64_t{1}}}),
                             {quickstart(), 0, nullptr});
    prior->eval();
    double total = 0;
    constexpr int64_t kDraws = 400;
    for (int64_t step = 0; step < kDraws; ++step) {
      StepContext context{step, kDraws, Noise(1, "prior").at(step)};
      auto loss = prior->loss({ids, torch::zeros({1}, torch::kLong), {torch::full({1}, -1, torch::kLong)}}, context);
      double r = context.noise.uniform({1}, "mask ratio").item<float>();
      EXPECT_EQ(loss.weight, static_cast<double>(MaskSchedule(name).masked_in_training(r, 64))) << name;
      total += loss.weight / 64;
    }
    const std::map<std::string, double> mean{{"linear", 0.5},    {"cosine", 0.6366}, {"arccos", 0.6366},
                                             {"square", 0.6667}, {"cubic", 0.75},    {"root", 0.3333}};
    // The ceiling adds half a token; five standard errors of 400 draws with spread at most 0.31.
    EXPECT_NEAR(total / kDraws, mean.at(name) + 0.5 / 64, 5 * 0.31 / 20) << name;
  }
}

TEST(MaskGit, MasksEveryPositionEquallyOften) {
  // The gradient of the position embedding's own loss is hard to see; the scored positions are not: teach a network nothing,
  // then count through the loss of a batch in which one position alone carries id 1 and the head prefers id 0.
  auto prior = make<Prior>(subject("maskgit", {{"width", int64_t{8}}, {"layers", int64_t{1}}, {"label_smoothing", 0.0}}),
                           {TokenLayout({{1, 4, 2, true}}), 0, nullptr});
  prior->eval();
  torch::NoGradGuard no_grad;
  for (auto& parameter : prior->parameters()) parameter.zero_();
  prior->named_parameters()["network.head.bias"].copy_(torch::tensor({5.0f, 0.0f}));
  for (int64_t marked = 0; marked < 4; ++marked) {
    auto ids = torch::zeros({2000, 4}, torch::kLong);
    ids.select(1, marked).fill_(1);
    StepContext context{0, 1, Noise(1, "prior").at(marked)};
    auto loss = prior->loss({ids, torch::arange(2000), {torch::full({2000}, -1, torch::kLong)}}, context);
    double cheap = std::log1p(std::exp(-5.0)), dear = 5 + cheap;
    double scored = (loss.total.item<double>() - loss.weight * cheap) / (dear - cheap);
    EXPECT_NEAR(scored / loss.weight, 0.25, 0.02) << marked;
  }
}

}  // namespace
}  // namespace tessera
