// What the suites of encoders and quantizers share: states, gradients, and watching what a plugin must leave alone.
#pragma once
#include <fmt/format.h>

#include <map>
#include <string>

#include "conformance/suite.hpp"

namespace tessera {

// Every parameter and buffer by name, copied.
using ModuleState = std::map<std::string, at::Tensor>;
ModuleState state_of(const torch::nn::Module& module);
// Name of the first entry that differs in a bit; empty when all are equal.
std::string first_difference(const ModuleState& a, const ModuleState& b);
// Copies parameters and buffers, all that a checkpoint carries.
void copy_state(const torch::nn::Module& from, torch::nn::Module& to);
// Adds small random numbers to every parameter: what starts at zero would hide a missing gradient.
void disturb(torch::nn::Module& module);

// float32, standard normal, a function of shape and purpose alone.
at::Tensor law_normal(at::IntArrayRef shape, const std::string& purpose);

bool declares(const Subject& subject, const std::string& option, const std::string& type);
Subject with(Subject subject, const std::string& option, OptionValue value);

double largest_difference(const at::Tensor& a, const at::Tensor& b);
std::string shape_text(const at::Tensor& tensor);

// Global state: thread count, default dtype, grad mode, seed of torch's generator.
struct GlobalState {
  int threads;
  std::string dtype;
  bool grad;
  uint64_t seed;
  static GlobalState now();
  // Empty, or what changed since.
  std::string changed() const;
};

// "" while the call does not throw a `Wanted`; else its text.
template <class Wanted, class Call>
std::string thrown(Call call) {
  try {
    call();
  } catch (const Wanted& error) {
    return error.what();
  }
  return "";
}

}  // namespace tessera
