// AdamW (1711.05101) in one fused call, with warm-up and decay of the learning rate, clipping and a moving average of weights.
#pragma once
#include "engine/options.hpp"
#include "engine/state_dict.hpp"

namespace tessera {

// The learning rate of step `step` (0-based) of `options.steps`.
double learning_rate(const TrainOptions& options, int64_t step);

class Optimizer {
 public:
  // All parameters that require a gradient; weight decay on those of two or more axes.
  Optimizer(torch::nn::Module& module, const TrainOptions& options);

  // Multiplies every gradient.
  void scale_gradients(double factor);
  // Norm of the gradient before clipping. Where it or the loss is not finite nothing is changed. Clears the gradients.
  double step(int64_t step, bool loss_is_finite = true);
  void zero_gradients();

  // The moving average becomes the weights as they are: once they have been initialised from data.
  void restart_average();
  // Swaps the moving average in (and out again); nothing where it is off.
  void swap_average();
  bool averages() const { return !average_.empty(); }

  // "optimizer.m.<name>", "optimizer.v.<name>", "optimizer.step", "average.<name>".
  NamedTensors state() const;
  void load(const TensorFile& file);

 private:
  struct Group {
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters, m, v, steps;
    double weight_decay = 0;
  };
  TrainOptions options_;
  std::vector<Group> groups_;
  std::vector<std::vector<at::Tensor>> average_;  // as groups_
  bool swapped_ = false;
};

}  // namespace tessera
