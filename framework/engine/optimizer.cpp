#include "engine/optimizer.hpp"

#include <cmath>

namespace tessera {

double learning_rate(const TrainOptions& options, int64_t step) {
  if (step < options.warmup) return options.lr * static_cast<double>(step + 1) / static_cast<double>(options.warmup);
  if (options.schedule == "constant") return options.lr;
  double left = static_cast<double>(std::max<int64_t>(options.steps - options.warmup, 1));
  double progress = std::min(1.0, static_cast<double>(step - options.warmup) / left);
  double shape = options.schedule == "linear" ? 1.0 - progress : 0.5 * (1.0 + std::cos(M_PI * progress));
  return options.lr * (options.final_lr + (1.0 - options.final_lr) * shape);
}

Optimizer::Optimizer(torch::nn::Module& module, const TrainOptions& options) : options_(options), groups_(2) {
  groups_[0].weight_decay = options.weight_decay;
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    auto& group = groups_[item.value().dim() >= 2 ? 0 : 1];
    group.names.push_back(item.key());
    group.parameters.push_back(item.value());
    group.m.push_back(torch::zeros_like(item.value()).detach());
    group.v.push_back(torch::zeros_like(item.value()).detach());
    // Where the parameter is: the fused kernel of a GPU reads it there.
    group.steps.push_back(torch::zeros({}, item.value().options().dtype(torch::kFloat).requires_grad(false)));
  }
  if (options.ema > 0)
    for (const auto& group : groups_) {
      average_.emplace_back();
      for (const auto& parameter : group.parameters) average_.back().push_back(parameter.detach().clone());
    }
}

void Optimizer::restart_average() {
  torch::NoGradGuard no_grad;
  for (size_t g = 0; g < average_.size(); ++g)
    for (size_t i = 0; i < average_[g].size(); ++i) average_[g][i].copy_(groups_[g].parameters[i]);
}

void Optimizer::scale_gradients(double factor) {
  for (auto& group : groups_)
    for (auto& parameter : group.parameters)
      if (parameter.grad().defined()) parameter.mutable_grad().mul_(factor);
}

void Optimizer::zero_gradients() {
  for (auto& group : groups_)
    for (auto& parameter : group.parameters) parameter.mutable_grad() = at::Tensor();
}

double Optimizer::step(int64_t step, bool loss_is_finite) {
  torch::NoGradGuard no_grad;
  std::vector<at::Tensor> all;
  for (auto& group : groups_)
    for (auto& parameter : group.parameters)
      if (parameter.grad().defined()) all.push_back(parameter.grad());
  double norm = 0;
  if (!all.empty()) norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(all, 2)), 2).item<double>();
  if (!std::isfinite(norm) || !loss_is_finite) {
    zero_gradients();
    return norm;
  }
  if (options_.clip > 0 && norm > options_.clip) at::_foreach_mul_(all, options_.clip / norm);

  double lr = learning_rate(options_, step);
  // A short memory at first: otherwise a short run keeps a good part of its random start.
  double done = static_cast<double>(step), decay = std::min(options_.ema, (1 + done) / (10 + done));
  for (size_t g = 0; g < groups_.size(); ++g) {
    auto& group = groups_[g];
    std::vector<at::Tensor> parameters, gradients, m, v, steps;
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      if (!group.parameters[i].grad().defined()) continue;
      parameters.push_back(group.parameters[i]);
      gradients.push_back(group.parameters[i].grad());
      m.push_back(group.m[i]);
      v.push_back(group.v[i]);
      steps.push_back(group.steps[i]);
    }
    if (parameters.empty()) continue;
    at::_foreach_add_(steps, 1);
    at::_fused_adamw_(parameters, gradients, m, v, {}, steps, lr, options_.beta1, options_.beta2, group.weight_decay, 1e-8,
                      /*amsgrad=*/false, /*maximize=*/false);
    if (!average_.empty()) at::_foreach_lerp_(average_[g], group.parameters, 1.0 - decay);
  }
  zero_gradients();
  return norm;
}

void Optimizer::swap_average() {
  if (average_.empty()) return;
  torch::NoGradGuard no_grad;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < average_[g].size(); ++i) {
      auto held = average_[g][i].clone();
      average_[g][i].copy_(groups_[g].parameters[i]);
      groups_[g].parameters[i].copy_(held);
    }
  swapped_ = !swapped_;
}

NamedTensors Optimizer::state() const {
  NamedTensors out;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < groups_[g].names.size(); ++i) {
      out.emplace_back("optimizer.m." + groups_[g].names[i], groups_[g].m[i]);
      out.emplace_back("optimizer.v." + groups_[g].names[i], groups_[g].v[i]);
      out.emplace_back("optimizer.step." + groups_[g].names[i], groups_[g].steps[i]);
      if (!average_.empty()) out.emplace_back("average." + groups_[g].names[i], average_[g][i]);
    }
  return out;
}

void Optimizer::load(const TensorFile& file) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state()) at::Tensor(tensor).copy_(file.at(name));
}

}  // namespace tessera
