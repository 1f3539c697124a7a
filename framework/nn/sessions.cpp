#include "nn/sessions.hpp"

namespace tessera {

namespace {

// The slot of each position asked (padding: slot 0), and one past the highest of them.
struct AskedSlots {
  at::Tensor slot_BQ;
  int64_t end = 0;
};
AskedSlots asked_slots(const at::Tensor& positions_BQ, const Order& order) {
  auto positions = positions_BQ.cpu().contiguous();
  AskedSlots asked{torch::zeros_like(positions), 0};
  const auto* position = positions.data_ptr<int64_t>();
  auto* slot = asked.slot_BQ.data_ptr<int64_t>();
  for (int64_t i = 0; i < positions.numel(); ++i)
    if (position[i] >= 0) {
      slot[i] = order.rank_N[static_cast<size_t>(position[i])];
      asked.end = std::max(asked.end, slot[i] + 1);
    }
  return asked;
}

at::Tensor hidden_of(const at::Tensor& hidden_BTD, const at::Tensor& index_BQ) {
  auto index = index_BQ.to(hidden_BTD.device()).unsqueeze(-1);
  return hidden_BTD.gather(1, index.expand({index.size(0), index.size(1), hidden_BTD.size(2)}));
}

at::Tensor no_answer(const at::Tensor& positions_BQ, const DecodeSession& session) {
  return torch::zeros({positions_BQ.size(0), positions_BQ.size(1), session.layout().max_vocabulary()},
                      torch::TensorOptions(torch::kFloat).device(session.device()));
}

}  // namespace

CausalSession::CausalSession(Transformer& network, Order order, const Condition& condition)
    : DecodeSession(std::move(order), network.layout(), condition.label_B.size(0), network.device()), network_(network),
      label_B_(condition.label_B), cache_(network.options(), batch(), layout().length(), network.tensors()),
      hidden_BND_(torch::empty({batch(), layout().length(), network.options().width}, network.tensors())) {}

at::Tensor CausalSession::do_logits(const at::Tensor& positions_BQ, Step) {
  auto asked = asked_slots(positions_BQ, order());
  if (asked.end == 0) return no_answer(positions_BQ, *this);
  if (int64_t fed = cache_.length; fed < asked.end)
    hidden_BND_.narrow(1, fed, asked.end - fed).copy_(network_.causal(ids_BN(), label_B_, fed, asked.end, &cache_));
  return network_.logits(hidden_of(hidden_BND_, asked.slot_BQ), positions_BQ);
}

RecomputeSession::RecomputeSession(Transformer& network, Order order, const Condition& condition)
    : DecodeSession(std::move(order), network.layout(), condition.label_B.size(0), network.device()), network_(network),
      label_B_(condition.label_B) {}

at::Tensor RecomputeSession::do_logits(const at::Tensor& positions_BQ, Step) {
  auto asked = asked_slots(positions_BQ, order());
  if (asked.end == 0) return no_answer(positions_BQ, *this);
  return network_.logits(hidden_of(network_.causal(ids_BN(), label_B_, 0, asked.end), asked.slot_BQ), positions_BQ);
}

MaskedSession::MaskedSession(Transformer& network, const Condition& condition)
    : DecodeSession(Order::any(network.layout().length()), network.layout(), condition.label_B.size(0), network.device()),
      network_(network), label_B_(condition.label_B) {}

at::Tensor MaskedSession::do_logits(const at::Tensor& positions_BQ, Step) {
  if (!hidden_BND_.defined()) hidden_BND_ = network_.bidirectional(ids_BN(), label_B_);
  return network_.logits(hidden_of(hidden_BND_, positions_BQ.clamp_min(0)), positions_BQ);
}

void MaskedSession::do_commit(const at::Tensor&, const at::Tensor&) { hidden_BND_.reset(); }

}  // namespace tessera
