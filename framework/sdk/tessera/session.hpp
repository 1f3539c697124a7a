// Decode session: what a prior offers a sampling strategy, and why any strategy can meet any prior.
//
// Laws (each a conformance test):
//  L1 State changes only in commit and retract: asking twice gives the same answer. Positions of -1 pad and are ignored.
//  L2 An undecided position is scored given the committed positions of lower rank, plus equal rank if sees_rank; no others.
//  L3 A committed position of a ranked session is scored as if it, its equals and all of higher rank were absent.
//  L4 Known tokens are committed first, by the engine, for any mask; no strategy can change them.
//  L5 Ranked sessions take positions on the CPU: undecided ones of one rank a call, committed ones of any ranks in one call.
//     Before a position is asked, every row has all lower ranks committed. Any-order sessions take positions on the device.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "tessera/api.hpp"
#include "tessera/cost.hpp"
#include "tessera/layout.hpp"

namespace tessera {

// Where a strategy stands; drives schedules (guidance, temperature) that the strategy knows nothing of.
struct Step {
  int64_t index = 0, count = 1;
};

// [trial thread; no gradient] Public calls check and keep the books; priors implement do_logits (and do_commit, do_retract
// where they hold state of their own).
class TESSERA_API DecodeSession {
 public:
  DecodeSession(Order order, TokenLayout layout, int64_t batch, at::Device device);
  virtual ~DecodeSession();
  DecodeSession(const DecodeSession&) = delete;
  DecodeSession& operator=(const DecodeSession&) = delete;

  const Order& order() const { return order_; }
  const TokenLayout& layout() const { return layout_; }
  int64_t batch() const { return batch_; }
  at::Device device() const { return device_; }
  Cost cost() const { return cost_; }
  bool ranked() const { return ranked_; }

  at::Tensor ids_BN() const;  // int64 on the device; -1 = undecided
  // int64 positions, B x Q, -1 pads -> B x Q x K float32, K = layout().max_vocabulary(), -inf outside the vocabulary of the
  // position's plane; rows of padding are zero. Throws std::logic_error where L5 is broken.
  at::Tensor logits(const at::Tensor& positions_BQ, Step step);
  // Throws std::logic_error for a position that is committed already (CPU; on a GPU the first commit stands).
  void commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ);
  // Where order().retract. Known tokens stay.
  void retract(const at::Tensor& positions_BQ);
  // [engine] Known tokens (L4): ids_BN with -1 where unknown. Only before the first commit.
  void commit_known(const at::Tensor& ids_BN);

 protected:
  virtual at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) = 0;
  virtual void do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ);
  virtual void do_retract(const at::Tensor& positions_BQ);
  // Ranked sessions: true where committed, on the CPU, row-major B x N.
  const std::vector<uint8_t>& committed() const { return committed_; }

 private:
  void check_positions(const at::Tensor& positions_BQ, const char* call) const;
  void check_ranked_request(const at::Tensor& positions_BQ) const;

  Order order_;
  TokenLayout layout_;
  int64_t batch_;
  at::Device device_;
  bool ranked_;
  Cost cost_;
  at::Tensor ids_BM_;    // B x (N + 1): the last column takes what is padded
  at::Tensor known_BM_;  // bool
  at::Tensor bias_NK_;   // 0 or -inf by the position's vocabulary; undefined when all planes have one vocabulary
  std::vector<uint8_t> committed_;
};

}  // namespace tessera
