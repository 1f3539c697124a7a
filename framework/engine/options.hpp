// Options of the engine's own sections of an experiment file; plugins declare theirs themselves. Torch-free.
#pragma once
#include "tessera/options.hpp"

namespace tessera {

// [tokenizer.loss] Weights of the reconstruction loss; the quantizer's own loss is added to it.
struct ReconstructionOptions {
  double l1 = 1.0;
  double l2 = 0.0;
  double quantizer = 1.0;
  bool divide_by_variance = false;

  template <class Visitor>
  void visit(Visitor& v) {
    v("l1", l1, "Weight of the mean absolute error, on images in [-1, 1].", Effect::training, at_least(0));
    v("l2", l2, "Weight of the mean squared error, on images in [-1, 1].", Effect::training, at_least(0));
    v("quantizer", quantizer, "Weight of the quantizer's loss.", Effect::training, at_least(0));
    v("divide_by_variance", divide_by_variance, "Divides the squared error by the variance of the training images (1711.00937).",
      Effect::training);
  }
};

// [tokenizer.train] and [prior.train].
struct TrainOptions {
  int64_t steps = 1000;
  int64_t batch = 64;
  int64_t accumulate = 1;
  double lr = 3e-4;
  int64_t warmup = 50;
  std::string schedule = "cosine";
  double final_lr = 0.0;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0.0;
  double clip = 1.0;
  double ema = 0.0;
  double label_dropout = 0.1;
  int64_t validate_every = 0;
  int64_t patience = 0;
  int64_t checkpoint_every = 200;
  std::string keep = "best";

  template <class Visitor>
  void visit(Visitor& v) {
    v("steps", steps, "Optimizer steps.", Effect::training, at_least(1));
    v("batch", batch, "Rows of one micro-batch.", Effect::training, at_least(1));
    v("accumulate", accumulate, "Micro-batches of one optimizer step, weighted by scored tokens.", Effect::training, at_least(1));
    v("lr", lr, "Highest learning rate.", Effect::training, at_least(0));
    v("warmup", warmup, "Steps of linear warm-up.", Effect::training, at_least(0));
    v("schedule", schedule, "Learning rate after the warm-up.", Effect::training, one_of({"cosine", "constant", "linear"}));
    v("final_lr", final_lr, "Learning rate that the schedule falls towards, as a fraction of lr.", Effect::training, range(0, 1));
    v("beta1", beta1, "AdamW beta 1.", Effect::training, range(0, 0.999999));
    v("beta2", beta2, "AdamW beta 2.", Effect::training, range(0, 0.999999));
    v("weight_decay", weight_decay, "AdamW weight decay, on parameters of two or more axes.", Effect::training, at_least(0));
    v("clip", clip, "Largest norm of the gradient; 0 = no clipping.", Effect::training, at_least(0));
    v("ema", ema, "Decay of the weights' moving average, which is then what is kept; at step t at most (1 + t) / (10 + t). 0 = off.",
      Effect::training, range(0, 0.99999));
    v("label_dropout", label_dropout, "Chance that a row trains with the null label; priors with classes only.", Effect::training,
      range(0, 1));
    v("validate_every", validate_every, "Steps between validations; 0 = at the end only.", Effect::training, at_least(0));
    v("patience", patience, "Stops after so many validations without a better one; 0 = never.", Effect::training, at_least(0));
    v("checkpoint_every", checkpoint_every, "Steps between checkpoints; does not change results.", Effect::inference, at_least(1));
    v("keep", keep, "Which weights are kept: those of the best validation, or the last.", Effect::training, one_of({"best", "last"}));
  }
};

// [sampling], beside the strategy's own options.
struct SamplingOptions {
  std::vector<std::string> requests = {"free"};
  int64_t count = 64;
  int64_t tile = 32;
  std::vector<std::string> labels = {"train"};

  template <class Visitor>
  void visit(Visitor& v) {
    v("requests", requests,
      "What is asked for: free, a half that is known (top_half, bottom_half, left_half, right_half), border (the middle is unknown), "
      "random:F (a fraction F is known) or cells:0101… (1 = known); known tokens come from validation images.",
      Effect::inference);
    v("count", count, "Samples of each request.", Effect::inference, at_least(1));
    v("tile", tile, "Samples are computed in whole blocks of so many rows, so that each is the same however many are asked for.",
      Effect::inference, range(1, 4096));
    v("labels", labels, "train (drawn from the training labels), null, or class numbers that repeat.", Effect::inference);
  }
};

// [sampling.logits] What happens to logits before a draw.
struct LogitsOptions {
  double temperature = 1.0;
  int64_t top_k = 0;
  double top_p = 1.0;
  double guidance = 1.0;
  std::string guidance_schedule = "constant";
  double guidance_power = 1.0;
  double guidance_from = 0.0;
  double guidance_to = 1.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("temperature", temperature, "Divides the logits; 0 takes the most likely token.", Effect::inference, at_least(0));
    v("top_k", top_k, "Keeps the k most likely tokens; 0 = all.", Effect::inference, at_least(0));
    v("top_p", top_p, "Keeps the most likely tokens up to this mass, the one that crosses it included (1904.09751).", Effect::inference,
      range(1e-6, 1));
    v("guidance", guidance, "Scale s of l_u + s (l_c - l_u): 0 unconditional, 1 conditional; the (1 + w) convention is s = 1 + w.",
      Effect::inference, at_least(0));
    v("guidance_schedule", guidance_schedule, "How the scale grows over the steps.", Effect::inference,
      one_of({"constant", "linear", "power_cosine"}));
    v("guidance_power", guidance_power, "Exponent p of power_cosine: 1 + (s - 1) (1 - cos(pi (t/T)^p)) / 2.", Effect::inference,
      range(0.01, 100));
    v("guidance_from", guidance_from, "Fraction of the steps before which the scale is 1.", Effect::inference, range(0, 1));
    v("guidance_to", guidance_to, "Fraction of the steps from which on the scale is 1.", Effect::inference, range(0, 1));
  }
};

// [evaluate]
struct EvaluateOptions {
  int64_t batch = 64;
  int64_t bound_grid = 8;
  int64_t scan_line_rows = 64;

  template <class Visitor>
  void visit(Visitor& v) {
    v("batch", batch, "Rows computed at once.", Effect::inference, at_least(1));
    v("bound_grid", bound_grid, "Strata of the order-agnostic bound's number of visible tokens (2110.02037).", Effect::inference,
      range(1, 1024));
    v("scan_line_rows", scan_line_rows, "Validation images on which a masked prior is also read as scan line; 0 = none.", Effect::inference,
      at_least(0));
  }
};

// Seeds that a file may pin; null (unset, -1) means the trial's.
struct SeedOptions {
  int64_t seed = -1;
  template <class Visitor>
  void visit(Visitor& v) {
    v("seed", seed, "Pins the seed of this stage; -1 = the trial's seed.", Effect::training, at_least(-1));
  }
};

}  // namespace tessera
