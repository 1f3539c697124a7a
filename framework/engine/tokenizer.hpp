// Tokenizer: the composition of an encoder and one quantizer a latent. A class of the engine, no plugin.
#pragma once
#include <torch/torch.h>

#include "tessera/encoder.hpp"
#include "tessera/quantizer.hpp"

namespace tessera {

class Tokenizer : public torch::nn::Module {
 public:
  // quantizers: one for each of encoder->latents(image). Registers them as "encoder" and "quantizer.<i>".
  Tokenizer(ImageShape image, std::shared_ptr<Encoder> encoder, std::vector<std::shared_ptr<Quantizer>> quantizers);

  struct Pass {
    at::Tensor x_BCHW;  // reconstruction, not clamped
    at::Tensor loss;    // sum of the quantizers' losses; undefined = 0
    std::map<std::string, at::Tensor> parts;
  };
  // Encode, quantize, decode; what training differentiates.
  Pass pass(const at::Tensor& x_BCHW, const StepContext& step);
  // k-means starts of the quantizers from these images, encoded in blocks of `batch` rows.
  void start(const at::Tensor& x_BCHW, const Noise& noise, int64_t batch);
  void after_step(const StepContext& step);

  // int64 ids_BN over the whole layout. Eval mode, no gradient.
  at::Tensor encode(const at::Tensor& x_BCHW);
  // x_BCHW in [-1, 1], clamped.
  at::Tensor decode(const at::Tensor& ids_BN);

  const ImageShape& image() const { return image_; }
  const TokenLayout& layout() const { return layout_; }
  const std::vector<Grid>& grids() const { return grids_; }
  Encoder& encoder() { return *encoder_; }
  const std::vector<std::shared_ptr<Quantizer>>& quantizers() const { return quantizers_; }

 private:
  ImageShape image_;
  std::shared_ptr<Encoder> encoder_;
  std::vector<std::shared_ptr<Quantizer>> quantizers_;
  std::vector<Grid> grids_;
  std::vector<int64_t> lengths_;  // tokens of each latent
  TokenLayout layout_;
};

}  // namespace tessera
