// Which part is weighted by what, and what the variance divides.
#include "engine/reconstruction_loss.hpp"

#include <gtest/gtest.h>

namespace tessera {
namespace {

const at::Tensor kImage = torch::zeros({2, 3, 4, 4}), kReconstruction = torch::full({2, 3, 4, 4}, -0.5);

ReconstructionOptions weights(double l1, double l2) {
  ReconstructionOptions options;
  options.l1 = l1;
  options.l2 = l2;
  return options;
}

TEST(ReconstructionLoss, VarianceDividesTheSquaredErrorAlone) {
  // |d| = 0.5, d^2 = 0.25
  const auto plain = ReconstructionLoss(weights(3, 2), 1)(kImage, kReconstruction, {});
  EXPECT_NEAR(plain.total.item<double>(), 3 * 0.5 + 2 * 0.25, 1e-6);
  const auto divided = ReconstructionLoss(weights(3, 2), 0.1)(kImage, kReconstruction, {});
  EXPECT_NEAR(divided.total.item<double>(), 3 * 0.5 + 2 * 0.25 / 0.1, 1e-5);
  EXPECT_NEAR(divided.parts.at("l1").item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(divided.parts.at("l2").item<double>(), 2.5, 1e-6);
}

TEST(ReconstructionLoss, AFurtherTermIsAddedWithTheLastLayer) {
  ReconstructionLoss loss(weights(0, 1), 1);
  const auto layer = torch::full({1}, 7.0).requires_grad_();
  loss.add("seam", [](const at::Tensor& x, const at::Tensor& y, const at::Tensor& last_layer) {
    return last_layer.defined() ? (y - x).sum() * 0 + last_layer.sum() : at::Tensor();
  });
  EXPECT_NEAR(loss(kImage, kReconstruction, layer).total.item<double>(), 7.25, 1e-6);
  const auto validation = loss(kImage, kReconstruction, {});
  EXPECT_NEAR(validation.total.item<double>(), 0.25, 1e-6);
  EXPECT_EQ(validation.parts.count("seam"), 0U) << "undefined in validation";
}

}  // namespace
}  // namespace tessera
