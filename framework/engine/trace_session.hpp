// A session that records: at which step each token was committed, and a hash of every logit that was asked.
#pragma once
#include <memory>

#include "tessera/session.hpp"

namespace tessera {

class TraceSession : public DecodeSession {
 public:
  explicit TraceSession(std::unique_ptr<DecodeSession> inner);
  // int32 B x N: index of the step; -1 = known from the start.
  const at::Tensor& commit_step_BN() const { return commit_step_BN_; }
  // One hash a row, over the bits of all logits in the order they were asked; equal tiles give equal hashes.
  const std::vector<uint64_t>& logit_hash_B() const { return logit_hash_B_; }

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override;
  void do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) override;
  void do_retract(const at::Tensor& positions_BQ) override;

 private:
  std::unique_ptr<DecodeSession> inner_;
  at::Tensor commit_step_BN_;
  std::vector<uint64_t> logit_hash_B_;
  int64_t step_ = -1;
};

}  // namespace tessera
