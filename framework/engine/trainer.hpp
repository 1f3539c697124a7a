// The training loop that tokenizers and priors share.
//
// Invariants
//  1. Row `i` of micro-batch `m` of step `s` is a function of (seed, s, m, i) alone; torch's generator is seeded before every
//     micro-batch: a resumed run computes the same bits as one that was never stopped.
//  2. A checkpoint holds weights, optimizer, moving average, best weights, step, cursor and thread count. The journal is synced
//     before the checkpoint gets its name.
//  3. Step lines are numbered by steps done: 1 … steps.
//
//   start -> (micro-batches -> optimizer -> after_step -> [validate] -> [checkpoint])* -> finish
#pragma once
#include <map>
#include <memory>
#include <string>

#include "engine/optimizer.hpp"
#include "engine/stage_run.hpp"
#include "tessera/step_context.hpp"

namespace tessera {

// What is trained: one user trains tokenizers, one priors.
class TrainTask {
 public:
  struct Result {
    at::Tensor total;                         // scalar: sum over what is scored
    double weight = 0;                        // how much that is; the gradient is that of total / weight over all micro-batches of a step
    std::map<std::string, at::Tensor> parts;  // scalars
  };
  virtual ~TrainTask() = default;
  virtual torch::nn::Module& module() = 0;
  virtual int64_t rows() const = 0;  // of the training set
  virtual void start(const Noise&) {}
  virtual Result micro_batch(const at::Tensor& rows_B, const StepContext& step) = 0;
  virtual void after_step(const StepContext&) {}
  // Eval mode, no gradient. "validation_loss" is what the best is chosen by; lower is better.
  virtual std::map<std::string, double> validate() = 0;
};

class Trainer {
 public:
  Trainer(TrainTask& task, const TrainOptions& options, StageRun& run);
  // Trains to the end, or throws Interrupted after a checkpoint. Afterwards the module holds the weights that are kept.
  void train(const std::string& stage);

 private:
  at::Tensor rows_of(int64_t micro_batch_index) const;
  std::map<std::string, double> one_step(int64_t step, const Noise& noise);
  void validate(int64_t steps_done, std::map<std::string, double>& values);
  void save_checkpoint(int64_t steps_done);
  void load_checkpoint(const std::filesystem::path& file);
  void keep_weights();

  TrainTask& task_;
  TrainOptions options_;
  StageRun& run_;
  Optimizer optimizer_;
  Noise order_noise_;
  int64_t step_ = 0;
  int64_t bad_steps_ = 0;
  double best_ = std::numeric_limits<double>::infinity();
  int64_t kept_step_ = 0, since_best_ = 0;
  std::map<std::string, at::Tensor> best_state_;
  std::filesystem::path last_checkpoint_;  // of this run
  mutable int64_t epoch_ = -1;
  mutable at::Tensor permutation_;
};

}  // namespace tessera
