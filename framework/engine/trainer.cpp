#include "engine/trainer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/stage_folder.hpp"
#include "engine/precision.hpp"

namespace tessera {

Trainer::Trainer(TrainTask& task, const TrainOptions& options, StageRun& run)
    : task_(task), options_(options), run_(run), optimizer_(task.module(), options), order_noise_(run.seed(), "data order") {}

// Each epoch is one permutation; micro-batches run through the epochs without a gap.
at::Tensor Trainer::rows_of(int64_t micro_batch_index) const {
  auto rows_B = torch::empty({options_.batch}, torch::kLong);
  for (int64_t i = 0; i < options_.batch; ++i) {
    int64_t cursor = micro_batch_index * options_.batch + i, epoch = cursor / task_.rows();
    if (epoch != epoch_) {
      epoch_ = epoch;
      permutation_ = order_noise_.at(epoch).permutation(task_.rows(), "epoch");
    }
    rows_B.data_ptr<int64_t>()[i] = permutation_.data_ptr<int64_t>()[cursor % task_.rows()];
  }
  return rows_B;
}

std::map<std::string, double> Trainer::one_step(int64_t step, const Noise& noise) {
  task_.module().train();
  double weight = 0, first_weight = 0, total = 0;
  std::map<std::string, double> values;
  for (int64_t micro = 0; micro < options_.accumulate; ++micro) {
    StepContext context{step, options_.steps, noise.at(step, micro)};
    torch::manual_seed(context.noise.bits("torch"));
    auto result = [&] {
      Autocast autocast(run_.device().type(), run_.precision());
      return task_.micro_batch(rows_of(step * options_.accumulate + micro), context);
    }();
    if (micro == 0) first_weight = result.weight;
    // The gradient of the sum over all micro-batches divided by all they scored, whatever each scored by itself.
    if (result.total.requires_grad()) (result.total / first_weight).backward();
    total += result.total.item<double>();
    weight += result.weight;
    for (auto& [name, value] : result.parts) values[name] += value.item<double>() * result.weight;
  }
  for (auto& [name, value] : values) value /= weight;
  if (options_.accumulate > 1) optimizer_.scale_gradients(first_weight / weight);
  values["loss"] = total / weight;
  values["lr"] = learning_rate(options_, step);
  values["grad_norm"] = optimizer_.step(step, std::isfinite(total));
  if (!std::isfinite(values["grad_norm"]) || !std::isfinite(values["loss"])) {
    run_.event("warning",
               fmt::format("step {}: loss {} and gradient norm {}; the step was left out", step + 1, values["loss"], values["grad_norm"]));
    if (++bad_steps_ * 100 > options_.steps + 900)
      throw Error(ExitCode::run_failed, fmt::format("{} steps without a finite gradient by step {}; expected at most 1 in 100. "
                                                    "A lower lr or a stronger clip usually helps",
                                                    bad_steps_, step + 1));
    return values;
  }
  torch::NoGradGuard no_grad;
  task_.after_step({step, options_.steps, noise.at(step)});
  return values;
}

void Trainer::keep_weights() {
  best_state_.clear();
  for (auto& [name, tensor] : module_state(task_.module())) best_state_[name] = tensor.detach().clone();
}

void Trainer::validate(int64_t steps_done, std::map<std::string, double>& values) {
  torch::NoGradGuard no_grad;
  optimizer_.swap_average();
  task_.module().eval();
  auto found = task_.validate();
  double loss = found.at("validation_loss");
  values.insert(found.begin(), found.end());
  bool better = loss < best_;
  since_best_ = better ? 0 : since_best_ + 1;
  if (better) best_ = loss;
  // The first is kept whatever it is: a loss that is never finite leaves weights, too.
  if (better || options_.keep == "last" || best_state_.empty()) {
    kept_step_ = steps_done;
    keep_weights();
  }
  optimizer_.swap_average();
}

void Trainer::save_checkpoint(int64_t steps_done) {
  run_.journal().sync();
  TESSERA_FAULT_POINT("checkpoint.journal_synced");
  NamedTensors tensors;
  for (auto& [name, tensor] : module_state(task_.module())) tensors.emplace_back("model." + name, tensor);
  for (auto& item : optimizer_.state()) tensors.push_back(item);
  for (auto& [name, tensor] : best_state_) tensors.emplace_back("best." + name, tensor);
  auto file = run_.lease().checkpoints() / checkpoint_name(steps_done);
  save_state(file, tensors,
             {{"step", std::to_string(steps_done)},
              {"best", fmt::format("{}", best_)},
              {"kept_step", std::to_string(kept_step_)},
              {"since_best", std::to_string(since_best_)},
              {"bad_steps", std::to_string(bad_steps_)},
              {"cursor", std::to_string(steps_done * options_.accumulate * options_.batch)},
              {"threads", std::to_string(at::get_num_threads())}});
  TESSERA_FAULT_POINT("checkpoint.saved");
  run_.journal().write({{"t", "checkpoint"}, {"s", steps_done}, {"file", file.filename().string()}});
  // The one before stays until this one is complete; then it goes.
  if (!last_checkpoint_.empty()) std::filesystem::remove(last_checkpoint_);
  last_checkpoint_ = file;
}

void Trainer::load_checkpoint(const std::filesystem::path& path) {
  auto file = load_tensors(path);
  load_state(task_.module(), file, "model.");
  optimizer_.load(file);
  step_ = std::stoll(metadata_of(file, "step"));
  best_ = std::stod(metadata_of(file, "best"));
  kept_step_ = std::stoll(metadata_of(file, "kept_step"));
  since_best_ = std::stoll(metadata_of(file, "since_best"));
  bad_steps_ = std::stoll(metadata_of(file, "bad_steps"));
  for (auto& [name, tensor] : file.tensors)
    if (name.rfind("best.", 0) == 0) best_state_[name.substr(5)] = tensor;
  int threads = std::stoi(metadata_of(file, "threads"));
  if (threads != at::get_num_threads()) {
    at::set_num_threads(threads);
    run_.event("info", fmt::format("threads set to {} as in the checkpoint", threads));
  }
  if (std::stoll(metadata_of(file, "cursor")) != step_ * options_.accumulate * options_.batch)
    throw Error(ExitCode::run_failed,
                fmt::format("{}: data cursor {} does not belong to step {}", file.path.string(), metadata_of(file, "cursor"), step_));
}

void Trainer::train(const std::string& stage) {
  Noise noise(run_.seed(), stage);
  if (auto checkpoint = run_.folder().latest_checkpoint(run_.lease().n())) {
    load_checkpoint(checkpoint->file);
    run_.event("info", fmt::format("resumed at step {} of run {}", checkpoint->step, checkpoint->run));
  } else {
    torch::manual_seed(noise.bits("start"));
    task_.start(noise);
    optimizer_.restart_average();
  }
  bool stopped_early = options_.patience > 0 && since_best_ >= options_.patience;
  while (step_ < options_.steps && !stopped_early) {
    auto values = one_step(step_, noise);
    ++step_;
    bool last = step_ == options_.steps;
    bool validated = last || (options_.validate_every > 0 && step_ % options_.validate_every == 0);
    if (validated) validate(step_, values);
    stopped_early = options_.patience > 0 && since_best_ >= options_.patience;
    run_.step(step_, values);
    run_.progress(step_, options_.steps, values, validated);  // the front prunes by validations: none is left out
    if (cancel_requested() || (step_ % options_.checkpoint_every == 0 && !last)) save_checkpoint(step_);
    run_.check_cancelled();
  }
  if (stopped_early) run_.event("info", fmt::format("stopped at step {}: no better validation in the last {}", step_, since_best_));
  run_.event("info", fmt::format("kept the weights of step {}", kept_step_));
  load_state(task_.module(), {best_state_, {}, "best weights"});
}

}  // namespace tessera
