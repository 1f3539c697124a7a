#include "engine/guided_session.hpp"

#include <torch/torch.h>

#include <cmath>

namespace tessera {

double guidance_scale(const LogitsOptions& options, Step step) {
  double progress = static_cast<double>(step.index) / static_cast<double>(std::max<int64_t>(step.count, 1));
  if (progress < options.guidance_from || progress >= options.guidance_to) return 1.0;
  double gain = options.guidance - 1.0;
  if (options.guidance_schedule == "linear") return 1.0 + gain * progress;
  if (options.guidance_schedule == "power_cosine")
    return 1.0 + gain * 0.5 * (1.0 - std::cos(M_PI * std::pow(progress, options.guidance_power)));
  return options.guidance;
}

GuidedSession::GuidedSession(std::unique_ptr<DecodeSession> conditional, std::unique_ptr<DecodeSession> unconditional,
                             LogitsOptions options)
    : DecodeSession(conditional->order(), conditional->layout(), conditional->batch(), conditional->device()),
      conditional_(std::move(conditional)), unconditional_(std::move(unconditional)), options_(std::move(options)) {}

at::Tensor GuidedSession::do_logits(const at::Tensor& positions_BQ, Step step) {
  double scale = guidance_scale(options_, step);
  if (scale == 1.0) return conditional_->logits(positions_BQ, step);
  auto free = unconditional_->logits(positions_BQ, step);
  if (scale == 0.0) return free;
  auto guided = free + scale * (conditional_->logits(positions_BQ, step) - free);
  // Outside a plane's vocabulary both halves are -inf, and their difference is NaN.
  return guided.masked_fill_(free == -std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity());
}

void GuidedSession::do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) {
  conditional_->commit(positions_BQ, ids_BQ);
  unconditional_->commit(positions_BQ, ids_BQ);
}

void GuidedSession::do_retract(const at::Tensor& positions_BQ) {
  conditional_->retract(positions_BQ);
  unconditional_->retract(positions_BQ);
}

}  // namespace tessera
