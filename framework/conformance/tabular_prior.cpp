#include "conformance/tabular_prior.hpp"

#include <torch/torch.h>

#include <cmath>
#include <numeric>

namespace tessera {

namespace {

class TabularSession : public DecodeSession {
 public:
  TabularSession(TabularPrior& prior, int64_t rows) : DecodeSession(prior.order(), prior.layout(), rows, at::kCPU), prior_(prior) {}

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override {
    auto positions = positions_BQ.contiguous();
    auto logits_BQK = torch::zeros({batch(), positions.size(1), layout().max_vocabulary()});
    auto ids_BN = this->ids_BN().contiguous();
    const auto& rank = order().rank_N;
    ++cost_meter().evaluations;
    cost_meter().token_forwards += batch() * positions.size(1);
    for (int64_t row = 0; row < batch(); ++row) {
      const auto* begin = ids_BN.data_ptr<int64_t>() + row * layout().length();
      std::vector<int64_t> ids(begin, begin + layout().length());
      for (int64_t q = 0; q < positions.size(1); ++q) {
        int64_t position = positions.data_ptr<int64_t>()[row * positions.size(1) + q];
        if (position < 0) continue;
        // L2 and L3: what a position may see.
        std::vector<bool> given(ids.size());
        for (size_t n = 0; n < ids.size(); ++n) {
          int64_t own = rank[static_cast<size_t>(position)];
          given[n] = ids[n] >= 0 && (rank[n] < own || (rank[n] == own && order().sees_rank && ids[static_cast<size_t>(position)] < 0));
        }
        auto probability = prior_.conditional(position, ids, given);
        float* logits = logits_BQK.data_ptr<float>() + (row * positions.size(1) + q) * layout().max_vocabulary();
        for (size_t k = 0; k < probability.size(); ++k) logits[k] = static_cast<float>(std::log(probability[k]));
      }
    }
    prior_.calls.push_back({SessionCall::asked, positions.clone(), {}, logits_BQK, step});
    return logits_BQK;
  }
  void do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) override {
    prior_.calls.push_back({SessionCall::committed, positions_BQ.clone(), ids_BQ.clone(), {}, {}});
  }

 private:
  TabularPrior& prior_;
};

}  // namespace

TabularPrior::TabularPrior(TokenLayout layout, Order order, uint64_t seed) : layout_(std::move(layout)), order_(std::move(order)) {
  int64_t entries = 1;
  for (int64_t position = 0; position < layout_.length(); ++position) {
    stride_.push_back(entries);
    entries *= layout_.vocabulary(position);
  }
  for (int64_t entry = 0; entry < entries; ++entry)
    for (int64_t position = 0; position < layout_.length(); ++position)
      digit_.push_back(entry / stride_[static_cast<size_t>(position)] % layout_.vocabulary(position));
  auto weight = Noise(seed, "tabular prior").normal({entries}, "joint").to(torch::kDouble).exp();
  weight /= weight.sum();
  joint_.assign(weight.data_ptr<double>(), weight.data_ptr<double>() + entries);
}

std::shared_ptr<TabularPrior> TabularPrior::independent(TokenLayout layout, Order order, const std::vector<double>& probability_K) {
  auto prior = std::make_shared<TabularPrior>(std::move(layout), std::move(order));
  for (size_t entry = 0; entry < prior->joint_.size(); ++entry) {
    prior->joint_[entry] = 1;
    for (int64_t position = 0; position < prior->layout_.length(); ++position) {
      auto id = prior->digit_[entry * static_cast<size_t>(prior->layout_.length()) + static_cast<size_t>(position)];
      prior->joint_[entry] *= probability_K.at(static_cast<size_t>(id));
    }
  }
  double total = std::accumulate(prior->joint_.begin(), prior->joint_.end(), 0.0);
  for (auto& p : prior->joint_) p /= total;
  return prior;
}

int64_t TabularPrior::entry(const int64_t* ids_N) const {
  int64_t entry = 0;
  for (size_t n = 0; n < stride_.size(); ++n) {
    if (ids_N[n] < 0) throw std::logic_error("tabular prior: position " + std::to_string(n) + " is undecided");
    entry += ids_N[n] * stride_[n];
  }
  return entry;
}

std::vector<double> TabularPrior::conditional(int64_t position, const std::vector<int64_t>& ids_N, const std::vector<bool>& given_N) const {
  std::vector<double> mass(static_cast<size_t>(layout_.vocabulary(position)), 0.0);
  for (size_t entry = 0; entry < joint_.size(); ++entry) {
    const int64_t* digit = digit_.data() + entry * ids_N.size();
    bool fits = true;
    for (size_t n = 0; n < ids_N.size() && fits; ++n) fits = !given_N[n] || digit[n] == ids_N[n];
    if (fits) mass[static_cast<size_t>(digit[position])] += joint_[entry];
  }
  double total = std::accumulate(mass.begin(), mass.end(), 0.0);
  for (auto& m : mass) m /= total;
  return mass;
}

Loss TabularPrior::loss(const TokenBatch& batch, const StepContext&) {
  // The chain rule gives the joint, whatever the order.
  auto ids = batch.ids_BN.contiguous();
  double nats = 0;
  for (int64_t row = 0; row < ids.size(0); ++row)
    nats -= std::log(joint_[static_cast<size_t>(entry(ids.data_ptr<int64_t>() + row * ids.size(1)))]);
  return {torch::tensor(nats), static_cast<double>(ids.numel()), {}};
}

std::unique_ptr<DecodeSession> TabularPrior::open(const Condition& condition) {
  calls.clear();
  return std::make_unique<TabularSession>(*this, condition.label_B.size(0));
}

}  // namespace tessera
