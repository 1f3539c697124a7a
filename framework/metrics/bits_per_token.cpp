#include "metrics/bits_per_token.hpp"

#include <cmath>

namespace tessera {

at::Tensor bits_per_token(const at::Tensor& nats_M, int64_t tokens) {
  return nats_M.to(at::kDouble) / (static_cast<double>(tokens) * std::log(2.0));
}

PriorMetric bits_per_token_metric() {
  return {
      {{"bits_per_token", 1, "prior", "step", "min", "bits", false,
        "Negative log-likelihood of the validation tokens, a token: exact for a ranked prior, the order-agnostic upper bound on a fixed "
        "grid of mask counts for an any-order prior; mean over sequences. Tokenizer distortion is not in it. Validation chose the weights, "
        "too (prior.train.keep)."},
       {"bits_per_token_sample", 1, "prior", "sample", "min", "bits", false, "bits_per_token of one validation sequence."},
       {"bits_per_token_error", 1, "prior", "step", "none", "bits", false, "Standard error of bits_per_token over validation sequences."},
       {"bits_per_token_train", 1, "prior", "step", "none", "bits", false,
        "bits_per_token of train sequences, evenly spread and as many as validation has at most; below it: memorised."},
       {"bits_per_token_scan_line", 1, "prior", "step", "min", "bits", false,
        "An any-order prior read as scan line: the exact likelihood of that order, mean over the first validation sequences."}},
      [](const PriorEvidence& e, std::vector<Score>& scores) {
        const auto bits = [&](const at::Tensor& nats_M) { return bits_per_token(nats_M, e.layout.length()); };
        add_mean_and_samples("bits_per_token", bits(e.nats_M), scores);
        if (e.nats_M.size(0) > 1) {
          const double deviation = bits(e.nats_M).std().item<double>();
          scores.push_back({"bits_per_token_error", deviation / std::sqrt(static_cast<double>(e.nats_M.size(0))), {}});
        }
        const auto add_mean = [&](const char* id, const at::Tensor& nats_M) {
          if (nats_M.defined()) scores.push_back({id, bits(nats_M).mean().item<double>(), {}});
        };
        add_mean("bits_per_token_train", e.train_nats_M);
        add_mean("bits_per_token_scan_line", e.scan_line_nats_M);
      }};
}

}  // namespace tessera
