#include "engine/reconstruction_loss.hpp"

namespace tessera {

ReconstructionLoss::Value ReconstructionLoss::operator()(const at::Tensor& x_BCHW, const at::Tensor& y_BCHW,
                                                         const at::Tensor& last_layer) const {
  Value value;
  auto difference = y_BCHW - x_BCHW;
  value.total = torch::zeros({}, x_BCHW.options());
  auto add = [&](const std::string& name, const at::Tensor& term, double weight) {
    value.total = value.total + weight * term;
    value.parts[name] = term.detach();
  };
  if (options_.l1 > 0) add("l1", difference.abs().mean(), options_.l1);
  if (options_.l2 > 0) add("l2", difference.square().mean() / variance_, options_.l2);
  for (const auto& [name, term] : terms_)
    if (auto loss = term(x_BCHW, y_BCHW, last_layer); loss.defined()) add(name, loss, 1.0);
  return value;
}

}  // namespace tessera
