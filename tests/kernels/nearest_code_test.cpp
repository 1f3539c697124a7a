#include "kernels/nearest_code/nearest_code.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tessera/noise.hpp"

namespace tessera {
namespace {

at::Tensor normal(at::IntArrayRef shape, const char* purpose) { return Noise(7, "nearest_code_test").normal(shape, purpose); }

// Not the index but its distance is compared: float32 may pick another code where two are equally near to 1e-5.
void expect_nearest(int64_t rows, int64_t codes, int64_t depth) {
  auto z = normal({rows, depth}, "z"), codebook = normal({codes, depth}, "codebook");
  auto ids = nearest_code(z, codebook), expected = nearest_code_reference(z, codebook);
  ASSERT_EQ(ids.sizes(), expected.sizes());
  ASSERT_EQ(ids.scalar_type(), torch::kLong);
  auto distance = [&](const at::Tensor& which) {
    return (z.to(torch::kDouble) - codebook.to(torch::kDouble).index_select(0, which)).square().sum(1);
  };
  auto excess = (distance(ids) - distance(expected)) / (1 + distance(expected));
  EXPECT_LE(excess.max().item<double>(), 1e-5) << rows << " x " << codes << " x " << depth;
  EXPECT_GE((ids == expected).to(torch::kDouble).mean().item<double>(), 0.999);
}

TEST(NearestCode, AgreesWithTheReferenceAtEveryShape) {
  for (int64_t rows : {1, 5, 6, 7, 95, 97, 200})
    for (int64_t codes : {1, 2, 15, 16, 17, 33, 300})
      for (int64_t depth : {1, 3, 32, 130}) expect_nearest(rows, codes, depth);
  expect_nearest(64, 700, 257);  // one panel is larger than a block of codes
}

TEST(NearestCode, TiesGoToTheLowestIndex) {
  // 100 codes, each four times, the copies far apart and in every lane of a panel.
  auto codebook = normal({100, 8}, "codebook").repeat({4, 1});
  auto z = normal({500, 8}, "z");
  EXPECT_LT(nearest_code(z, codebook).max().item<int64_t>(), 100);
  EXPECT_TRUE(nearest_code(torch::zeros({3, 4}), torch::ones({50, 4})).eq(0).all().item<bool>());
  // The later, equal code stands in a lower lane: 9 is lane 9 of the first panel, 16 lane 0 of the second.
  auto far = torch::full({40, 4}, 9.0);
  far[9] = far[16] = far[33] = torch::ones({4});
  EXPECT_TRUE(nearest_code(torch::ones({7, 4}), far).eq(9).all().item<bool>());
}

TEST(NearestCode, ARowDependsOnItselfAlone) {
  auto z = normal({200, 32}, "z"), codebook = normal({300, 32}, "codebook");
  auto all = nearest_code(z, codebook);
  for (int64_t rows : {1, 2, 6, 96, 101})
    EXPECT_TRUE(torch::equal(nearest_code(z.slice(0, 0, rows), codebook), all.slice(0, 0, rows))) << rows;
  EXPECT_TRUE(torch::equal(nearest_code(z.flip(0), codebook).flip(0), all));
}

TEST(NearestCode, TakesViewsAndGradients) {
  auto z = normal({32, 50}, "z").t().requires_grad_(), codebook = normal({20, 64}, "codebook").slice(1, 0, 32);
  auto ids = nearest_code(z, codebook);
  EXPECT_FALSE(ids.requires_grad());
  EXPECT_TRUE(torch::equal(ids, nearest_code(z.detach().contiguous(), codebook.contiguous())));
}

TEST(NearestCode, DegenerateInputs) {
  EXPECT_EQ(nearest_code(torch::empty({0, 4}), torch::ones({2, 4})).size(0), 0);
  auto z = torch::ones({2, 4});
  z[0] = std::numeric_limits<float>::quiet_NaN();
  auto codebook = torch::stack({torch::full({4}, 9.0), torch::ones({4})});
  auto ids = nearest_code(z, codebook);
  EXPECT_EQ(ids[0].item<int64_t>(), 0);
  EXPECT_EQ(ids[1].item<int64_t>(), 1);
  // A NaN in the codebook is never nearest.
  codebook[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(nearest_code(torch::ones({1, 4}), codebook).item<int64_t>(), 1);
}

TEST(NearestCode, RefusesWhatItCannotDo) {
  auto text = [](const at::Tensor& z, const at::Tensor& codebook) -> std::string {
    try {
      nearest_code(z, codebook);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  EXPECT_EQ(text(torch::ones({2, 3}), torch::ones({2, 4})), "nearest_code: found vectors of 3 channels and codes of 4");
  EXPECT_EQ(text(torch::ones({2, 3, 1}), torch::ones({2, 3})), "nearest_code: found z of 3 and a codebook of 2 axes, expected 2 and 2");
  EXPECT_EQ(text(torch::ones({2, 3}, torch::kHalf), torch::ones({2, 3})), "nearest_code: found Half and Float, expected float32");
  EXPECT_EQ(text(torch::ones({2, 3}), torch::ones({0, 3})), "nearest_code: the codebook is empty");
}

}  // namespace
}  // namespace tessera
