#include "tessera/session.hpp"

#include <torch/torch.h>

#include <stdexcept>

namespace tessera {

namespace {
std::string at(int64_t row, int64_t position) { return "row " + std::to_string(row) + ", position " + std::to_string(position); }
}  // namespace

DecodeSession::DecodeSession(Order order, TokenLayout layout, int64_t batch, at::Device device)
    : order_(std::move(order)), layout_(std::move(layout)), batch_(batch), device_(device), ranked_(!order_.any_order()) {
  int64_t n = layout_.length();
  if (static_cast<int64_t>(order_.rank_N.size()) != n)
    throw std::invalid_argument("session: order of " + std::to_string(order_.rank_N.size()) + " positions over a layout of " +
                                std::to_string(n));
  ids_BM_ = torch::full({batch, n + 1}, -1, torch::TensorOptions(torch::kLong).device(device));
  known_BM_ = torch::zeros({batch, n + 1}, torch::TensorOptions(torch::kBool).device(device));
  if (ranked_) committed_.assign(static_cast<size_t>(batch * n), 0);

  bool one_vocabulary = true;
  for (const auto& plane : layout_.planes()) one_vocabulary &= plane.vocabulary == layout_.max_vocabulary();
  if (!one_vocabulary) {
    auto bias = torch::zeros({n, layout_.max_vocabulary()});
    for (int64_t position = 0; position < n; ++position)
      bias[position].slice(0, layout_.vocabulary(position)).fill_(-std::numeric_limits<float>::infinity());
    bias_NK_ = bias.to(device);
  }
}

DecodeSession::~DecodeSession() = default;
void DecodeSession::do_commit(const at::Tensor&, const at::Tensor&) {}
void DecodeSession::do_retract(const at::Tensor&) {}

at::Tensor DecodeSession::ids_BN() const { return ids_BM_.narrow(1, 0, layout_.length()); }

void DecodeSession::check_positions(const at::Tensor& positions_BQ, const char* call) const {
  if (positions_BQ.dim() != 2 || positions_BQ.size(0) != batch_ || positions_BQ.scalar_type() != at::kLong)
    throw std::logic_error(std::string(call) + ": positions must be int64 of shape " + std::to_string(batch_) + " x Q");
  if (ranked_ && !positions_BQ.device().is_cpu())
    throw std::logic_error(std::string(call) + ": a ranked session takes positions on the CPU");
  if (!ranked_ && positions_BQ.device().type() != device_.type())
    throw std::logic_error(std::string(call) + ": an any-order session takes positions on its device");
  if (!positions_BQ.device().is_cpu()) return;  // reading them would synchronise the device
  auto positions = positions_BQ.contiguous();
  const auto* p = positions.data_ptr<int64_t>();
  for (int64_t i = 0; i < positions.numel(); ++i)
    if (p[i] < -1 || p[i] >= layout_.length())
      throw std::logic_error(std::string(call) + ": position " + std::to_string(p[i]) + " outside a layout of " +
                             std::to_string(layout_.length()));
}

void DecodeSession::check_ranked_request(const at::Tensor& positions_BQ) const {
  auto positions = positions_BQ.contiguous();
  const auto* p = positions.data_ptr<int64_t>();
  int64_t n = layout_.length(), columns = positions.size(1), highest = -1, undecided_rank = -1;
  bool any_committed = false;
  for (int64_t row = 0; row < batch_; ++row)
    for (int64_t q = 0; q < columns; ++q) {
      int64_t position = p[row * columns + q];
      if (position < 0) continue;
      int64_t rank = order_.rank_N[static_cast<size_t>(position)];
      highest = std::max(highest, rank);
      if (committed_[static_cast<size_t>(row * n + position)]) {
        any_committed = true;
      } else {
        if (undecided_rank >= 0 && rank != undecided_rank)
          throw std::logic_error("logits: undecided positions of ranks " + std::to_string(undecided_rank) + " and " + std::to_string(rank) +
                                 " in one call; a ranked session takes one rank a call");
        undecided_rank = rank;
      }
    }
  if (undecided_rank >= 0 && any_committed)
    throw std::logic_error("logits: committed and undecided positions in one call of a ranked session");
  for (int64_t row = 0; row < batch_; ++row)
    for (int64_t position = 0; position < n; ++position)
      if (order_.rank_N[static_cast<size_t>(position)] < highest && !committed_[static_cast<size_t>(row * n + position)])
        throw std::logic_error("logits: " + at(row, position) + " is undecided and of lower rank than what is asked");
}

at::Tensor DecodeSession::logits(const at::Tensor& positions_BQ, Step step) {
  check_positions(positions_BQ, "logits");
  if (ranked_) check_ranked_request(positions_BQ);
  if (!ranked_ && device_.is_cpu() && layout_.length() > 1) {
    auto committed = (ids_BM_.gather(1, positions_BQ.clamp_min(0)) >= 0) & (positions_BQ >= 0);
    if (committed.any().item<bool>()) {
      auto first = committed.nonzero()[0];
      int64_t row = first[0].item<int64_t>();
      throw std::logic_error("logits: " + at(row, positions_BQ[row][first[1].item<int64_t>()].item<int64_t>()) +
                             " is committed; an any-order session scores undecided positions only");
    }
  }
  torch::NoGradGuard no_grad;
  Cost before = cost_meter();
  auto logits_BQK = do_logits(positions_BQ, step);
  cost_ += cost_meter() - before;
  if (logits_BQK.dim() != 3 || logits_BQK.size(0) != batch_ || logits_BQK.size(1) != positions_BQ.size(1) ||
      logits_BQK.size(2) != layout_.max_vocabulary())
    throw std::runtime_error("the prior's session returned logits of the wrong shape " + c10::str(logits_BQK.sizes()) + "; expected [" +
                             std::to_string(batch_) + ", " + std::to_string(positions_BQ.size(1)) + ", " +
                             std::to_string(layout_.max_vocabulary()) + "]");
  logits_BQK = logits_BQK.to(torch::kFloat);
  auto positions = positions_BQ.to(device_);
  if (bias_NK_.defined()) logits_BQK = logits_BQK + bias_NK_.index_select(0, positions.clamp_min(0).flatten()).view_as(logits_BQK);
  bool may_pad = !positions_BQ.device().is_cpu() || positions_BQ.numel() == 0 || positions_BQ.min().item<int64_t>() < 0;
  if (may_pad) logits_BQK = logits_BQK.masked_fill((positions < 0).unsqueeze(-1), 0.0);
  return logits_BQK;
}

void DecodeSession::commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) {
  check_positions(positions_BQ, "commit");
  if (ids_BQ.sizes() != positions_BQ.sizes() || ids_BQ.scalar_type() != at::kLong)
    throw std::logic_error("commit: ids must be int64 of the positions' shape " + c10::str(positions_BQ.sizes()));
  int64_t n = layout_.length();
  auto ids = ids_BQ.to(device_);
  auto positions = positions_BQ.to(device_);
  auto slots = torch::where(positions < 0, n, positions);
  auto present = ids_BM_.gather(1, slots);
  if (device_.is_cpu()) {
    auto sorted = std::get<0>(positions.sort(1));
    if (sorted.size(1) > 1) {
      auto next = sorted.slice(1, 1), previous = sorted.slice(1, 0, -1);
      if (((next == previous) & (next >= 0)).any().item<bool>()) throw std::logic_error("commit: a position is named twice in one row");
    }
    if (((present >= 0) & (positions >= 0)).any().item<bool>()) {
      auto first = ((present >= 0) & (positions >= 0)).nonzero()[0];
      int64_t row = first[0].item<int64_t>();
      throw std::logic_error("commit: " + at(row, positions[row][first[1].item<int64_t>()].item<int64_t>()) + " is committed already");
    }
    if (((ids < 0) & (positions >= 0)).any().item<bool>() || (ids >= layout_.max_vocabulary()).any().item<bool>())
      throw std::logic_error("commit: ids outside [0, " + std::to_string(layout_.max_vocabulary()) + ")");
    for (size_t plane = 0; plane < layout_.planes().size() && layout_.planes().size() > 1; ++plane) {
      int64_t begin = layout_.offset(static_cast<int64_t>(plane)), end = begin + layout_.planes()[plane].positions();
      if (((positions >= begin) & (positions < end) & (ids >= layout_.planes()[plane].vocabulary)).any().item<bool>())
        throw std::logic_error("commit: ids outside the vocabulary of plane " + std::to_string(plane));
    }
  }
  ids_BM_.scatter_(1, slots, torch::where(present >= 0, present, ids));
  ids_BM_.select(1, n).fill_(-1);
  if (ranked_) {
    auto cpu = positions_BQ.contiguous();
    const auto* p = cpu.data_ptr<int64_t>();
    for (int64_t row = 0; row < batch_; ++row)
      for (int64_t q = 0; q < cpu.size(1); ++q)
        if (int64_t position = p[row * cpu.size(1) + q]; position >= 0) committed_[static_cast<size_t>(row * n + position)] = 1;
  }
  torch::NoGradGuard no_grad;
  do_commit(positions_BQ, ids);
}

void DecodeSession::commit_known(const at::Tensor& ids_BN) {
  int64_t n = layout_.length();
  if (ids_BN.dim() != 2 || ids_BN.size(0) != batch_ || ids_BN.size(1) != n)
    throw std::logic_error("commit_known: ids must be " + std::to_string(batch_) + " x " + std::to_string(n));
  if ((this->ids_BN() >= 0).any().item<bool>()) throw std::logic_error("commit_known: tokens are committed already");
  auto ids = ids_BN.to(device_);
  auto positions = torch::arange(n, torch::TensorOptions(torch::kLong).device(device_)).expand({batch_, n});
  positions = torch::where(ids < 0, -1, positions);
  commit(ranked_ ? positions.cpu() : positions, ids);
  known_BM_.narrow(1, 0, n).copy_(ids >= 0);
}

void DecodeSession::retract(const at::Tensor& positions_BQ) {
  if (!order_.retract) throw std::logic_error("retract: this prior's sessions cannot retract");
  check_positions(positions_BQ, "retract");
  int64_t n = layout_.length();
  auto positions = positions_BQ.to(device_);
  auto slots = torch::where(positions < 0, n, positions);
  slots = torch::where(known_BM_.gather(1, slots), n, slots);
  ids_BM_.scatter_(1, slots, -1);
  auto kept = torch::where(slots == n, -1, slots);
  if (ranked_) {
    auto cpu = kept.cpu().contiguous();
    const auto* p = cpu.data_ptr<int64_t>();
    for (int64_t row = 0; row < batch_; ++row)
      for (int64_t q = 0; q < cpu.size(1); ++q)
        if (int64_t position = p[row * cpu.size(1) + q]; position >= 0) committed_[static_cast<size_t>(row * n + position)] = 0;
    kept = cpu;
  }
  torch::NoGradGuard no_grad;
  do_retract(kept);
}

}  // namespace tessera
