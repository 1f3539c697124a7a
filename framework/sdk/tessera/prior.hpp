// Prior: the network over ids. It owns its training objective and opens decode sessions.
#pragma once
#include <torch/nn/module.h>

#include <map>
#include <memory>
#include <string>

#include "tessera/host.hpp"
#include "tessera/quantizer.hpp"
#include "tessera/session.hpp"
#include "tessera/step_context.hpp"

namespace tessera {

struct PriorSpec {
  TokenLayout layout;
  int64_t classes = 0;                   // 0 = unconditional; the null label exists always
  std::shared_ptr<Quantizer> quantizer;  // frozen; null where it is not at hand (plan, tests)
};

// One row per sample; label -1 = the null label.
struct Condition {
  at::Tensor label_B;  // int64, on the prior's device, in [-1, classes)
};

struct TokenBatch {
  at::Tensor ids_BN;   // int64, complete
  at::Tensor index_B;  // int64, index of each row in the data set
  Condition condition;
};

struct Loss {
  at::Tensor total;                         // scalar: sum over scored tokens, nats
  double weight = 0;                        // number of scored tokens (sum of their weights)
  std::map<std::string, at::Tensor> parts;  // scalars for the journal, means, detached
};

// [trial thread; the caller sets grad mode, train/eval and autocast; may block]
class TESSERA_API Prior : public torch::nn::Module {
 public:
  ~Prior() override;
  virtual Order order() const = 0;
  virtual Loss loss(const TokenBatch& batch, const StepContext& step) = 0;
  // Eval mode, no gradient. The session borrows the prior.
  virtual std::unique_ptr<DecodeSession> open(const Condition& condition) = 0;
};

}  // namespace tessera
