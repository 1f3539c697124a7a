#include "engine/trace_session.hpp"

#include <torch/torch.h>

#include <cstring>

namespace tessera {

TraceSession::TraceSession(std::unique_ptr<DecodeSession> inner)
    : DecodeSession(inner->order(), inner->layout(), inner->batch(), inner->device()), inner_(std::move(inner)),
      commit_step_BN_(torch::full({batch(), layout().length()}, -1, torch::kInt)),
      logit_hash_B_(static_cast<size_t>(batch()), 0xcbf29ce484222325u) {}

at::Tensor TraceSession::do_logits(const at::Tensor& positions_BQ, Step step) {
  step_ = step.index;
  auto logits_BQK = inner_->logits(positions_BQ, step);
  auto bits = logits_BQK.to(torch::kCPU).contiguous();
  const auto* words = reinterpret_cast<const uint32_t*>(bits.data_ptr<float>());
  int64_t row_words = bits.size(1) * bits.size(2);
  for (int64_t row = 0; row < batch(); ++row) {
    auto& hash = logit_hash_B_[static_cast<size_t>(row)];
    for (int64_t i = 0; i < row_words; ++i) hash = (hash ^ words[row * row_words + i]) * 0x100000001b3u;
  }
  return logits_BQK;
}

void TraceSession::do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) {
  inner_->commit(positions_BQ, ids_BQ);
  if (step_ < 0) return;  // known tokens
  auto positions = positions_BQ.to(torch::kCPU).contiguous();
  auto steps = commit_step_BN_.accessor<int32_t, 2>();
  auto p = positions.accessor<int64_t, 2>();
  for (int64_t row = 0; row < p.size(0); ++row)
    for (int64_t q = 0; q < p.size(1); ++q)
      if (p[row][q] >= 0) steps[row][p[row][q]] = static_cast<int32_t>(step_);
}

void TraceSession::do_retract(const at::Tensor& positions_BQ) { inner_->retract(positions_BQ); }

}  // namespace tessera
