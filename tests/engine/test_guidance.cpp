// Classifier-free guidance: the canonical convention, golden values of the power-cosine schedule, and its two fixed points.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "engine/guided_session.hpp"

namespace tessera {
namespace {

TEST(GuidanceScale, PowerCosineGolden) {
  LogitsOptions options;
  options.guidance = 16;
  options.guidance_schedule = "power_cosine";
  options.guidance_power = 2.75;
  const std::pair<int64_t, double> golden[] = {{0, 1}, {64, 1.0181}, {128, 1.8031}, {192, 7.4044}, {224, 12.7674}, {255, 15.9958}};
  for (auto [t, scale] : golden) EXPECT_NEAR(guidance_scale(options, {t, 256}), scale, 5e-5) << t;
}

TEST(GuidanceScale, LinearAndInterval) {
  LogitsOptions options;
  options.guidance = 3;
  EXPECT_DOUBLE_EQ(guidance_scale(options, {5, 10}), 3);
  options.guidance_schedule = "linear";
  EXPECT_DOUBLE_EQ(guidance_scale(options, {5, 10}), 2);
  options.guidance_schedule = "constant";
  options.guidance_from = 0.2;
  options.guidance_to = 0.6;
  EXPECT_DOUBLE_EQ(guidance_scale(options, {1, 10}), 1);
  EXPECT_DOUBLE_EQ(guidance_scale(options, {2, 10}), 3);
  EXPECT_DOUBLE_EQ(guidance_scale(options, {6, 10}), 1);
}

// Logits = base + position + code / 10; counts how often it was asked.
class FixedSession : public DecodeSession {
 public:
  FixedSession(double base, int64_t* asked)
      : DecodeSession(Order::any(4), TokenLayout({{2, 2, 3}}), 2, at::kCPU), base_(base), asked_(asked) {}

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step) override {
    ++*asked_;
    return positions_BQ.unsqueeze(-1) * base_ + torch::arange(3) * base_ * base_;
  }

 private:
  double base_;
  int64_t* asked_;
};

at::Tensor guided_logits(double scale, int64_t& conditional_asked, int64_t& free_asked) {
  LogitsOptions options;
  options.guidance = scale;
  GuidedSession session(std::make_unique<FixedSession>(2.0, &conditional_asked), std::make_unique<FixedSession>(0.5, &free_asked), options);
  auto positions = torch::tensor({{0, 3}, {1, 2}}, torch::kLong);
  return session.logits(positions, {0, 1});
}

TEST(GuidedSession, IsFreePlusScaleTimesDifference) {
  int64_t c = 0, u = 0, ignored = 0;
  auto conditional = guided_logits(1.0, c, u);
  EXPECT_EQ(u, 0) << "at scale 1 the unconditional half rests";
  auto free = guided_logits(0.0, ignored, u);
  auto guided = guided_logits(2.5, ignored, ignored);
  EXPECT_TRUE(torch::allclose(guided, free + 2.5 * (conditional - free)));
  EXPECT_FALSE(torch::allclose(guided, (1 + 2.5) * conditional - 2.5 * free)) << "that is the (1 + w) convention";
}

TEST(GuidedSession, CommitsReachBothHalves) {
  int64_t c = 0, u = 0;
  LogitsOptions options;
  options.guidance = 2;
  auto conditional = std::make_unique<FixedSession>(2.0, &c), free = std::make_unique<FixedSession>(0.5, &u);
  auto *left = conditional.get(), *right = free.get();
  GuidedSession session(std::move(conditional), std::move(free), options);
  session.commit(torch::tensor({{1}, {2}}, torch::kLong), torch::tensor({{0}, {2}}, torch::kLong));
  EXPECT_TRUE(torch::equal(session.ids_BN(), left->ids_BN()));
  EXPECT_TRUE(torch::equal(session.ids_BN(), right->ids_BN()));
}

}  // namespace
}  // namespace tessera
