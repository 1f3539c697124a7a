#include <torch/torch.h>

#include "tessera/cost.hpp"
#include "tessera/encoder.hpp"
#include "tessera/prior.hpp"
#include "tessera/quantizer.hpp"
#include "tessera/sampling.hpp"

namespace tessera {

// Key functions of the four kinds, and what a plugin need not override.
Encoder::~Encoder() = default;
at::Tensor Encoder::last_layer() { return {}; }
Quantizer::~Quantizer() = default;
void Quantizer::start(const at::Tensor&, const Noise&) {}
void Quantizer::after_step(const StepContext&) {}
at::Tensor Quantizer::codebook_KD() { return {}; }
Prior::~Prior() = default;
SamplingStrategy::~SamplingStrategy() = default;

Cost& cost_meter() {
  thread_local Cost meter;
  return meter;
}

}  // namespace tessera
