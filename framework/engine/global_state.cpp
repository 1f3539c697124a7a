#include "engine/global_state.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DefaultDtype.h>
#include <fmt/format.h>

#include "core/error.hpp"

namespace tessera {

namespace {

uint64_t generator_seed() { return at::detail::getDefaultCPUGenerator().current_seed(); }

}  // namespace

GlobalState::GlobalState()
    : generator_seed_(generator_seed()), threads_(at::get_num_threads()), grad_(at::GradMode::is_enabled()),
      dtype_(c10::get_default_dtype_as_scalartype()) {}

void GlobalState::expect_unchanged(const std::string& who) const {
  auto refuse = [&](const char* what, const auto& found, const auto& expected) {
    throw Error(ExitCode::bad_plugin,
                fmt::format("{} changed {}: found {}, expected {}; a plugin leaves global state alone", who, what, found, expected));
  };
  if (int found = at::get_num_threads(); found != threads_) {
    at::set_num_threads(threads_);
    refuse("the number of threads", found, threads_);
  }
  if (bool found = at::GradMode::is_enabled(); found != grad_) {
    at::GradMode::set_enabled(grad_);
    refuse("the grad mode", found ? "on" : "off", grad_ ? "on" : "off");
  }
  if (auto found = c10::get_default_dtype_as_scalartype(); found != dtype_) {
    c10::set_default_dtype(c10::scalarTypeToTypeMeta(dtype_));
    refuse("the default dtype", c10::toString(found), c10::toString(dtype_));
  }
  if (auto found = generator_seed(); found != generator_seed_) refuse("the seed of torch's generator", found, "the engine's");
}

}  // namespace tessera
