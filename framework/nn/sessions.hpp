// Decode sessions over the shared transformer: with a cache, without one (the reference), and any-order.
#pragma once
#include <memory>

#include "nn/transformer.hpp"
#include "tessera/prior.hpp"
#include "tessera/session.hpp"

namespace tessera {

// KV cache. A question feeds the slots up to the one asked and no more: N token-forwards a row for N tokens, a known prefix in
// one forward; a known token of higher rank waits outside until its turn. The hidden states of fed slots are kept (they never
// change: a slot sees committed tokens of lower rank only), so asking twice and scoring committed positions (L3) cost a head.
class CausalSession : public DecodeSession {
 public:
  CausalSession(Transformer& network, Order order, const Condition& condition);

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override;

 private:
  Transformer& network_;
  at::Tensor label_B_;
  KvCache cache_;
  at::Tensor hidden_BND_;  // by slot
};

// The reference for CausalSession: a full forward each call. Never optimised.
class RecomputeSession : public DecodeSession {
 public:
  RecomputeSession(Transformer& network, Order order, const Condition& condition);

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override;

 private:
  Transformer& network_;
  at::Tensor label_B_;
};

// Any order: a full forward each time something was committed since the last.
class MaskedSession : public DecodeSession {
 public:
  MaskedSession(Transformer& network, const Condition& condition);

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override;
  void do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) override;

 private:
  Transformer& network_;
  at::Tensor label_B_;
  at::Tensor hidden_BND_;  // undefined after a commit
};

}  // namespace tessera
