// bf16 where it is asked for: the loss is nearly that of fp32, not the same; codes are chosen in fp32 all the same.
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "conformance/suite.hpp"
#include "engine/precision.hpp"
#include "engine/tokenizer.hpp"
#include "registry/catalog/loader.hpp"

namespace tessera {
namespace {

Subject plugin(const std::string& kind, const std::string& id) {
  return default_subject(load_plugin(std::string(TESSERA_BINARY_DIR) + "/plugins/" + kind + "/" + id + ".so", ""));
}

double prior_loss(const char* id, const char* precision) {
  const TokenLayout layout({{4, 4, 64}});
  auto prior = make<Prior>(plugin("priors", id), {layout, 0, nullptr}, 4);
  prior->eval();
  torch::manual_seed(3);
  TokenBatch batch{torch::randint(64, {8, 16}, torch::kLong), torch::arange(8, torch::kLong), {torch::full({8}, -1, torch::kLong)}};
  Autocast autocast(at::kCPU, precision);
  auto loss = prior->loss(batch, {0, 1, Noise(5, "test")});
  EXPECT_EQ(loss.total.scalar_type(), torch::kFloat);
  loss.total.backward();
  return loss.total.item<double>() / loss.weight;
}

TEST(Precision, PriorsTrainInBf16) {
  for (const char* id : {"gpt", "maskgit"}) {
    double full = prior_loss(id, "fp32"), half = prior_loss(id, "bf16");
    EXPECT_NE(full, half) << id << ": nothing was computed in bf16";
    EXPECT_NEAR(half, full, 0.02 * full) << id;
  }
}

TEST(Precision, CodesAreChosenInFp32) {
  auto encoder = make<Encoder>(plugin("encoders", "conv"), {{3, 16, 16}}, 4);
  auto grid = encoder->latents({3, 16, 16})[0];
  auto quantizer = make<Quantizer>(plugin("quantizers", "vq"), {grid}, 4);
  Tokenizer tokenizer({3, 16, 16}, encoder, {quantizer});
  torch::manual_seed(3);
  auto x_BCHW = torch::rand({4, 3, 16, 16}) * 2 - 1;
  auto latents = encoder->encode(x_BCHW);
  StepContext step{0, 1, Noise(0, "test")};
  auto expected = quantizer->quantize(latents[0], step);
  {
    Autocast autocast(at::kCPU, "bf16");
    FullPrecision guard(at::kCPU);
    auto found = quantizer->quantize(latents[0], step);
    EXPECT_TRUE(found.ids_BN.equal(expected.ids_BN));
    EXPECT_TRUE(found.zq_BND.equal(expected.zq_BND));
  }
  Autocast autocast(at::kCPU, "bf16");
  auto pass = tokenizer.pass(x_BCHW, step);
  EXPECT_TRUE(pass.x_BCHW.isfinite().all().item<bool>());
  pass.x_BCHW.to(torch::kFloat).square().mean().backward();
}

TEST(Precision, IsPutBack) {
  const bool before = at::autocast::is_autocast_enabled(at::kCPU);
  {
    Autocast autocast(at::kCPU, "bf16");
    EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU));
  }
  EXPECT_EQ(at::autocast::is_autocast_enabled(at::kCPU), before);
  {
    Autocast autocast(at::kCPU, "fp32");
    EXPECT_EQ(at::autocast::is_autocast_enabled(at::kCPU), before);
  }
}

}  // namespace
}  // namespace tessera
