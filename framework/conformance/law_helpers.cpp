#include "conformance/law_helpers.hpp"

#include <ATen/Parallel.h>

namespace tessera {

ModuleState state_of(const torch::nn::Module& module) {
  ModuleState state;
  for (const auto& entry : module.named_parameters()) state[entry.key()] = entry.value().detach().clone();
  for (const auto& entry : module.named_buffers()) state[entry.key()] = entry.value().detach().clone();
  return state;
}

std::string first_difference(const ModuleState& a, const ModuleState& b) {
  for (const auto& [name, value] : a)
    if (!b.count(name) || !torch::equal(value, b.at(name))) return name;
  return a.size() == b.size() ? "" : "number of entries";
}

void copy_state(const torch::nn::Module& from, torch::nn::Module& to) {
  torch::NoGradGuard no_grad;
  auto copy = [](const auto& source, auto target) {
    for (const auto& entry : source) target[entry.key()].copy_(entry.value());
  };
  copy(from.named_parameters(), to.named_parameters());
  copy(from.named_buffers(), to.named_buffers());
}

void disturb(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (auto& entry : module.named_parameters()) entry.value().add_(law_normal(entry.value().sizes(), "disturb " + entry.key()), 0.05);
}

at::Tensor law_normal(at::IntArrayRef shape, const std::string& purpose) { return Noise(11, "laws").normal(shape, purpose); }

bool declares(const Subject& subject, const std::string& option, const std::string& type) {
  for (size_t i = 0; i < subject.descriptor->option_count; ++i)
    if (subject.descriptor->options[i].name == option && subject.descriptor->options[i].type == type) return true;
  return false;
}

Subject with(Subject subject, const std::string& option, OptionValue value) {
  subject.values.set(option, std::move(value));
  return subject;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  double difference = (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().max().item<double>();
  return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

std::string shape_text(const at::Tensor& tensor) { return tensor.defined() ? c10::str(tensor.sizes()) : "undefined"; }

GlobalState GlobalState::now() {
  return {at::get_num_threads(), c10::toString(c10::get_default_dtype_as_scalartype()), torch::GradMode::is_enabled(),
          at::globalContext().defaultGenerator(at::kCPU).current_seed()};
}

std::string GlobalState::changed() const {
  auto after = now();
  if (after.threads != threads) return fmt::format("found {} threads, expected {} as before", after.threads, threads);
  if (after.dtype != dtype) return fmt::format("found the default dtype {}, expected {} as before", after.dtype, dtype);
  if (after.grad != grad) return fmt::format("found grad mode {}, expected {} as before", after.grad, grad);
  if (after.seed != seed) return "found torch's generator seeded anew, expected it left alone";
  return "";
}

}  // namespace tessera
