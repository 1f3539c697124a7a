// Classifier-free guidance as a session: strategies do not know of it. Two sessions, one with labels and one without, so
// that the unconditional half can rest outside an interval and catch up through its own cache.
#pragma once
#include <memory>

#include "engine/options.hpp"
#include "tessera/session.hpp"

namespace tessera {

// The scale at a step: l = l_u + s (l_c - l_u). index in [0, count).
double guidance_scale(const LogitsOptions& options, Step step);

class GuidedSession : public DecodeSession {
 public:
  GuidedSession(std::unique_ptr<DecodeSession> conditional, std::unique_ptr<DecodeSession> unconditional, LogitsOptions options);

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override;
  void do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) override;
  void do_retract(const at::Tensor& positions_BQ) override;

 private:
  std::unique_ptr<DecodeSession> conditional_, unconditional_;
  LogitsOptions options_;
};

}  // namespace tessera
