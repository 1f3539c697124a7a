// What vq does beyond the laws of every quantizer: exact counts of its start, revival, and the gradient codebook.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/conformance/plugin_files.hpp"

namespace tessera {
namespace {

const Noise kNoise(1, "vq_test");
const QuantizerSpec kSpec{{8, 8, 4, true}};

std::shared_ptr<Quantizer> vq(const std::map<std::string, OptionValue>& values) {
  // Kept for good: a plugin holds on to its host.
  static std::vector<Subject> subjects = built_plugins("quantizers");
  for (auto subject : subjects)
    if (subject.name == "vq") {
      for (const auto& [name, value] : values) subject.values.set(name, value);
      auto made = make<Quantizer>(subject, kSpec);
      made->train();
      return made;
    }
  throw std::runtime_error("no vq");
}

StepContext context(int64_t step) { return {step, 1000, kNoise.at(step)}; }

TEST(Vq, StartSetsCountsAndSums) {
  auto plugin = vq({{"codes", int64_t{16}}});
  auto z = kNoise.normal({1000, 4}, "z");
  plugin->start(z, kNoise);
  auto state = plugin->named_buffers();
  EXPECT_EQ(state["count"].sum().item<float>(), 1000);
  EXPECT_TRUE(torch::allclose(state["sum"], state["codebook"] * state["count"].unsqueeze(1)));
  // One more step on the same vectors finds the averages where k-means left them.
  auto before = state["codebook"].clone();
  plugin->quantize(z.view({1, 1000, 4}), context(0));
  plugin->after_step(context(0));
  EXPECT_LT((state["codebook"] - before).abs().max().item<double>(), 0.01);
}

TEST(Vq, RevivedCodesCountAtTheThreshold) {
  auto plugin = vq({{"codes", int64_t{8}}, {"decay", 0.5}, {"revival_threshold", 0.25}, {"kmeans", false}});
  auto state = plugin->named_buffers();
  state["codebook"].fill_(100.0);
  state["codebook"][3].zero_();
  state["sum"].copy_(state["codebook"]);
  auto z = kNoise.normal({1, 64, 4}, "z");
  for (int64_t step = 0; step < 6; ++step) {
    plugin->quantize(z, context(step));
    plugin->after_step(context(step));
  }
  // Codes left at 100 are out of reach: all that is near now was moved onto vectors of the batch.
  EXPECT_LT(state["codebook"].abs().max().item<double>(), 5);
  EXPECT_GE(std::get<0>(at::_unique(plugin->quantize(z, context(9)).ids_BN)).numel(), 6);
}

// A step that is left out (its gradient was not finite) is never told by after_step: nothing of it may reach the next step.
TEST(Vq, ForgetsABatchWhoseStepWasLeftOut) {
  const std::map<std::string, OptionValue> values = {{"codes", int64_t{8}}, {"revival", false}, {"kmeans", false}};
  torch::manual_seed(1);
  auto with = vq(values);
  torch::manual_seed(1);
  auto without = vq(values);
  auto z = kNoise.normal({2, 16, 4}, "z");
  with->quantize(z * std::numeric_limits<float>::quiet_NaN(), context(0));
  for (auto& one : {with, without}) {
    one->quantize(z, context(1));
    one->after_step(context(1));
  }
  EXPECT_TRUE(with->codebook_KD().isfinite().all().item<bool>());
  EXPECT_TRUE(with->codebook_KD().equal(without->codebook_KD()));
}

TEST(Vq, WithoutRevivalDeadCodesStay) {
  auto plugin = vq({{"codes", int64_t{8}}, {"decay", 0.5}, {"revival", false}, {"kmeans", false}});
  auto state = plugin->named_buffers();
  state["codebook"].fill_(100.0);
  state["codebook"][3].zero_();
  state["sum"].copy_(state["codebook"]);
  auto z = kNoise.normal({1, 64, 4}, "z");
  for (int64_t step = 0; step < 6; ++step) {
    plugin->quantize(z, context(step));
    plugin->after_step(context(step));
  }
  EXPECT_TRUE(plugin->quantize(z, context(9)).ids_BN.eq(3).all().item<bool>());
}

// L = |sg z - e|^2 + beta |z - sg e|^2, means over all numbers: both gradients written out.
TEST(Vq, GradientsOfBothHalves) {
  for (double beta : {0.25, 2.0}) {
    auto plugin = vq({{"codes", int64_t{8}}, {"update", std::string("gradient")}, {"beta", beta}});
    auto codebook = plugin->named_parameters()["codebook"];
    auto z = kNoise.normal({2, 32, 4}, "z").requires_grad_();
    auto out = plugin->quantize(z, context(0));
    out.loss.backward();
    auto flat = z.detach().flatten(0, 1), ids = out.ids_BN.flatten();
    auto difference = (flat - codebook.detach().index_select(0, ids)) * 2 / static_cast<double>(flat.numel());
    EXPECT_TRUE(torch::allclose(z.grad().flatten(0, 1), beta * difference, 1e-5, 1e-8)) << beta;
    EXPECT_TRUE(torch::allclose(codebook.grad(), torch::zeros_like(codebook).index_add(0, ids, -difference), 1e-5, 1e-8)) << beta;
  }
}

TEST(Vq, GradientCodebookRevives) {
  auto plugin = vq({{"codes", int64_t{8}}, {"update", std::string("gradient")}, {"decay", 0.5}, {"kmeans", false}});
  auto codebook = plugin->named_parameters()["codebook"];
  {
    torch::NoGradGuard no_grad;
    codebook.fill_(100.0);
    codebook[3].zero_();
  }
  auto z = kNoise.normal({1, 64, 4}, "z");
  for (int64_t step = 0; step < 6; ++step) {
    plugin->quantize(z, context(step));
    plugin->after_step(context(step));
  }
  EXPECT_LT(codebook.abs().max().item<double>(), 5);
}

TEST(Vq, CosineCodesHaveLengthOne) {
  auto plugin = vq({{"codes", int64_t{8}}, {"distance", std::string("cosine")}});
  auto z = kNoise.normal({1, 64, 4}, "z") * 7;
  plugin->start(z.flatten(0, 1), kNoise);
  auto out = plugin->quantize(z, context(0));
  plugin->after_step(context(0));
  EXPECT_TRUE(torch::allclose(plugin->codebook_KD().norm(2, 1), torch::ones({8})));
  EXPECT_TRUE(torch::allclose(out.zq_BND.norm(2, 2), torch::ones({1, 64})));
}

}  // namespace
}  // namespace tessera
