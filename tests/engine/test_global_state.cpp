// A plugin that changes what is everybody's is found out, and what can be put back is put back.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "core/error.hpp"
#include "engine/global_state.hpp"

namespace tessera {
namespace {

std::string refusal_after(void (*misbehave)()) {
  torch::manual_seed(7);
  GlobalState state;
  misbehave();
  try {
    state.expect_unchanged("the quantizer");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_plugin);
    return error.what();
  }
  return "";
}

TEST(GlobalState, DrawsAndWorkAreAllowed) {
  EXPECT_EQ(refusal_after([] { torch::randn({100}).sum(); }), "");
}

TEST(GlobalState, ChangesAreNamed) {
  const int threads = at::get_num_threads();
  EXPECT_EQ(refusal_after([] { at::set_num_threads(at::get_num_threads() + 1); }),
            "the quantizer changed the number of threads: found " + std::to_string(threads + 1) + ", expected " + std::to_string(threads) +
                "; a plugin leaves global state alone");
  EXPECT_EQ(at::get_num_threads(), threads);
  EXPECT_EQ(refusal_after([] { torch::manual_seed(8); }),
            "the quantizer changed the seed of torch's generator: found 8, expected the engine's; a plugin leaves global state alone");
  EXPECT_EQ(refusal_after([] { at::GradMode::set_enabled(false); }),
            "the quantizer changed the grad mode: found off, expected on; a plugin leaves global state alone");
  EXPECT_TRUE(at::GradMode::is_enabled());
}

}  // namespace
}  // namespace tessera
