// Encoder: both directions of the tokenizer, image -> latents and latents -> image.
#pragma once
#include <torch/nn/module.h>

#include <vector>

#include "tessera/host.hpp"
#include "tessera/layout.hpp"

namespace tessera {

struct EncoderSpec {
  ImageShape image;
};

// [trial thread; the caller sets grad mode and train/eval; may block]
class TESSERA_API Encoder : public torch::nn::Module {
 public:
  ~Encoder() override;
  // The latents of an image of that shape, coarse first. Throws OptionError where the shape cannot be encoded.
  virtual std::vector<Grid> latents(ImageShape image) const = 0;
  // x_BCHW float32 in [-1, 1] -> z_BND of each latent, N row-major.
  virtual std::vector<at::Tensor> encode(const at::Tensor& x_BCHW) = 0;
  // Quantized zq_BND of each latent -> x_BCHW, unbounded (the engine clamps where it must).
  virtual at::Tensor decode(const std::vector<at::Tensor>& zq) = 0;
  // Weight of the last layer, for the adaptive adversarial weight (2012.09841); undefined if there is none.
  virtual at::Tensor last_layer();
};

}  // namespace tessera
