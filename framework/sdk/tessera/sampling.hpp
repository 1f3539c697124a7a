// Sampling strategy: decides which positions are asked next and which draws are kept; never sees the network.
#pragma once
#include <ATen/core/Tensor.h>

#include <string_view>

#include "tessera/host.hpp"
#include "tessera/layout.hpp"
#include "tessera/session.hpp"

namespace tessera {

struct SamplingSpec {};

// What a strategy asks of a prior's Order and of the layout.
struct Needs {
  bool any_order = false, parallel = false, retract = false, critic = false, spatial = false;
};

// The distribution that draws are made from: logits / temperature, then top-k, then top-p (keeps the token that crosses p).
struct DrawOptions {
  double temperature = 1.0;  // 0 = argmax
  int64_t top_k = 0;         // 0 = off
  double top_p = 1.0;        // 1 = off
};

struct Draw {
  at::Tensor ids_BQ;       // int64
  at::Tensor logp_BQ;      // log-probability of the id under the distribution drawn from
  at::Tensor raw_logp_BQ;  // the same under the unfiltered logits at temperature 1
};

// [trial thread] Gumbel-max draws keyed by (seed, sample, position, how often that position was drawn before, code): two
// strategies at one seed share their first draws.
class TESSERA_API SamplingContext {
 public:
  // sample_B: int64 on the CPU, the index of each row's sample.
  SamplingContext(uint64_t seed, const at::Tensor& sample_B, const TokenLayout& layout, DrawOptions options);
  virtual ~SamplingContext();

  // logits_BQK as the session gave them; positions_BQ as asked. Ids of padded positions are 0 with logp 0.
  Draw draw(const at::Tensor& logits_BQK, const at::Tensor& positions_BQ, Step step);
  // B, float32: the sum over positions of the log-probability of the last draw there; what was never drawn adds nothing.
  at::Tensor total_logp_B() const;
  // BQK: log-probabilities of the distribution that draw() uses.
  at::Tensor log_probs(const at::Tensor& logits_BQK, Step step) const;
  // BQ, Gumbel(0, 1), keyed by (seed, sample, position, step, purpose).
  at::Tensor gumbel(const at::Tensor& positions_BQ, std::string_view purpose, Step step) const;
  // A number in (0, 1) for each row, keyed by (seed, sample, purpose): B, on the CPU.
  at::Tensor uniform(std::string_view purpose) const;
  virtual void log(LogLevel level, std::string_view text);

 private:
  uint64_t seed_;
  at::Tensor sample_B_;
  at::Tensor drawn_BN_;  // int64, CPU: how often each position was drawn
  at::Tensor logp_BN_;   // float32, CPU: of the last draw there
  DrawOptions options_;
};

// [trial thread; no gradient] A plain class, no module: it has no weights.
class TESSERA_API SamplingStrategy {
 public:
  virtual ~SamplingStrategy();
  virtual Needs needs(const TokenLayout& layout) const = 0;
  // Returns when no id is -1.
  virtual void sample(DecodeSession& session, SamplingContext& context) = 0;
};

}  // namespace tessera
