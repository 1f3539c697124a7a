// Quantizer: latent <-> ids; owns the codebook, if there is one. One instance a latent. Always float32, autocast off.
#pragma once
#include <torch/nn/module.h>

#include <map>
#include <string>

#include "tessera/host.hpp"
#include "tessera/layout.hpp"
#include "tessera/step_context.hpp"

namespace tessera {

struct QuantizerSpec {
  Grid latent;
};

struct Quantized {
  at::Tensor zq_BND;  // straight-through: gradient of zq with respect to z is the identity (or the plugin's estimator)
  at::Tensor ids_BN;  // int64
  at::Tensor loss;    // scalar, taken before the straight-through step; undefined = 0
  std::map<std::string, at::Tensor> parts;  // scalars for the journal, detached
};

// [trial thread; the caller sets grad mode and train/eval; may block]
class TESSERA_API Quantizer : public torch::nn::Module {
 public:
  ~Quantizer() override;
  // Planes over this latent. Throws OptionError where the latent does not fit (depth, say).
  virtual TokenLayout layout(Grid latent) const = 0;
  // Once before step 0, with a sample of encoder outputs z_MD: k-means, palette. No gradient.
  virtual void start(const at::Tensor& z_MD, const Noise& noise);
  virtual Quantized quantize(const at::Tensor& z_BND, const StepContext& step) = 0;
  // Once an optimizer step, training only, no gradient: EMA, revival, from sums kept by quantize in train mode.
  virtual void after_step(const StepContext& step);
  // zq_BND of the first `planes` planes; ids_BN of exactly those planes. planes = -1: all.
  virtual at::Tensor lookup(const at::Tensor& ids_BN, int64_t planes = -1) = 0;
  // The codebook; undefined where implicit.
  virtual at::Tensor codebook_KD();
};

}  // namespace tessera
