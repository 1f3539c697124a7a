#include "engine/likelihood.hpp"

namespace tessera {

namespace {

// -log p of ids under logits: float64 B x Q; 0 where the position is padding.
at::Tensor nats_of(const at::Tensor& logits_BQK, const at::Tensor& ids_BQ, const at::Tensor& pad_BQ) {
  auto log_p = logits_BQK.to(torch::kDouble).log_softmax(-1).gather(-1, ids_BQ.unsqueeze(-1)).squeeze(-1);
  return (-log_p).masked_fill(pad_BQ, 0.0);
}

// Labels where the prior computes.
Condition condition_of(const Prior& prior, const at::Tensor& labels_B) {
  auto parameters = prior.parameters();
  return {parameters.empty() ? labels_B : labels_B.to(parameters[0].device())};
}

// -log p of ids at positions, both on the CPU, under what the session has committed: float64 B x Q on the CPU.
at::Tensor ask(DecodeSession& session, const at::Tensor& positions_BQ, const at::Tensor& ids_BQ, Step step) {
  auto logits_BQK = session.logits(session.ranked() ? positions_BQ : positions_BQ.to(session.device()), step).to(torch::kCPU);
  return nats_of(logits_BQK, ids_BQ, positions_BQ < 0);
}

template <class PerBatch>
at::Tensor by_batch(const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch, const std::function<void()>& between,
                    PerBatch per_batch) {
  torch::NoGradGuard no_grad;
  std::vector<at::Tensor> out;
  for (int64_t begin = 0; begin < ids_MN.size(0); begin += batch) {
    int64_t end = std::min(begin + batch, ids_MN.size(0));
    out.push_back(per_batch(ids_MN.slice(0, begin, end).to(torch::kLong), labels_M.slice(0, begin, end), begin));
    between();
  }
  return out.empty() ? torch::empty({0}, torch::kDouble) : torch::cat(out);
}

at::Tensor all_positions(int64_t rows, int64_t length) { return torch::arange(length, torch::kLong).expand({rows, length}).contiguous(); }

}  // namespace

at::Tensor exact_nats(Prior& prior, const TokenLayout& layout, const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch,
                      const std::function<void()>& between) {
  prior.eval();
  return by_batch(ids_MN, labels_M, batch, between, [&](const at::Tensor& ids_BN, const at::Tensor& labels_B, int64_t) {
    auto session = prior.open(condition_of(prior, labels_B));
    session->commit_known(ids_BN);
    auto positions = all_positions(ids_BN.size(0), layout.length());
    return ask(*session, positions, ids_BN, {}).sum(1);
  });
}

at::Tensor order_agnostic_nats(Prior& prior, const TokenLayout& layout, const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch,
                               int64_t strata, const std::function<void()>& between) {
  prior.eval();
  int64_t length = layout.length();
  Noise noise(0, "order-agnostic bound");
  return by_batch(ids_MN, labels_M, batch, between, [&](const at::Tensor& ids_BN, const at::Tensor& labels_B, int64_t begin) {
    int64_t rows = ids_BN.size(0);
    auto bound = torch::zeros({rows}, torch::kDouble);
    for (int64_t stratum = 0; stratum < strata; ++stratum) {
      // Each row: t from its stratum, then t - 1 visible positions, the first of a permutation.
      auto visible = ids_BN.clone(), positions = torch::full({rows, length}, -1, torch::kLong);
      auto masked = torch::zeros({rows}, torch::kDouble);
      for (int64_t row = 0; row < rows; ++row) {
        auto draw = noise.at(begin + row, stratum);
        double u = draw.uniform({1}, "t").item<double>();
        int64_t shown = std::min<int64_t>(length - 1, static_cast<int64_t>((static_cast<double>(stratum) + u) /
                                                                           static_cast<double>(strata) * static_cast<double>(length)));
        auto hidden = draw.permutation(length, "visible").slice(0, shown);
        visible[row].index_fill_(0, hidden, -1);
        positions[row].slice(0, 0, length - shown) = std::get<0>(hidden.sort());
        masked[row] = static_cast<double>(length - shown);
      }
      auto session = prior.open(condition_of(prior, labels_B));
      session->commit_known(visible);
      auto nats = ask(*session, positions, ids_BN.gather(1, positions.clamp_min(0)), {});
      bound += static_cast<double>(length) * nats.sum(1) / masked / static_cast<double>(strata);
    }
    return bound;
  });
}

at::Tensor scan_line_nats(Prior& prior, const TokenLayout& layout, const at::Tensor& ids_MN, const at::Tensor& labels_M, int64_t batch,
                          const std::function<void()>& between) {
  prior.eval();
  return by_batch(ids_MN, labels_M, batch, between, [&](const at::Tensor& ids_BN, const at::Tensor& labels_B, int64_t) {
    auto session = prior.open(condition_of(prior, labels_B));
    auto nats = torch::zeros({ids_BN.size(0)}, torch::kDouble);
    for (int64_t position = 0; position < layout.length(); ++position) {
      auto positions = torch::full({ids_BN.size(0), 1}, position, torch::kLong);
      auto ids = ids_BN.narrow(1, position, 1);
      nats += ask(*session, positions, ids, {position, layout.length()}).sum(1);
      session->commit(session->ranked() ? positions : positions.to(session->device()), ids.contiguous());
    }
    return nats;
  });
}

}  // namespace tessera
