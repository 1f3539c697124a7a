#include "engine/tokenizer.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "engine/global_state.hpp"
#include "engine/precision.hpp"

namespace tessera {

namespace {

void check_ids(const at::Tensor& ids_BN, int64_t rows, int64_t length) {
  if (ids_BN.scalar_type() != torch::kLong || ids_BN.dim() != 2 || ids_BN.size(0) != rows || ids_BN.size(1) != length)
    throw Error(ExitCode::bad_plugin, fmt::format("the quantizer returned ids of type {} and shape {}, expected Long and [{}, {}]",
                                                  c10::toString(ids_BN.scalar_type()), c10::str(ids_BN.sizes()), rows, length));
}

// `who` gave them: "the quantizer gave".
void check_range(const char* who, const at::Tensor& ids_BN, const TokenLayout& layout) {
  for (size_t plane = 0; plane < layout.planes().size(); ++plane) {
    auto part = ids_BN.narrow(1, layout.offset(static_cast<int64_t>(plane)), layout.planes()[plane].positions());
    if (part.numel() == 0) continue;
    int64_t low = part.min().item<int64_t>(), high = part.max().item<int64_t>(), vocabulary = layout.planes()[plane].vocabulary;
    if (low < 0 || high >= vocabulary)
      throw Error(ExitCode::bad_plugin, fmt::format("{} the id {}, expected one from 0 to {}", who, low < 0 ? low : high, vocabulary - 1));
  }
}

}  // namespace

Tokenizer::Tokenizer(ImageShape image, std::shared_ptr<Encoder> encoder, std::vector<std::shared_ptr<Quantizer>> quantizers)
    : image_(image), encoder_(std::move(encoder)), quantizers_(std::move(quantizers)) {
  register_module("encoder", encoder_);
  grids_ = encoder_->latents(image_);
  if (grids_.size() != quantizers_.size())
    throw std::invalid_argument(fmt::format("tokenizer: {} latents but {} quantizers", grids_.size(), quantizers_.size()));
  std::vector<Plane> planes;
  for (size_t i = 0; i < grids_.size(); ++i) {
    register_module("quantizer" + std::to_string(i), quantizers_[i]);
    auto layout = quantizers_[i]->layout(grids_[i]);
    lengths_.push_back(layout.length());
    planes.insert(planes.end(), layout.planes().begin(), layout.planes().end());
  }
  layout_ = TokenLayout(planes);
}

Tokenizer::Pass Tokenizer::pass(const at::Tensor& x_BCHW, const StepContext& step) {
  GlobalState state;
  auto latents = encoder_->encode(x_BCHW);
  state.expect_unchanged("the encoder");
  if (latents.size() != grids_.size())
    throw Error(ExitCode::bad_plugin, fmt::format("the encoder returned {} latents, expected {}", latents.size(), grids_.size()));
  Pass out;
  std::vector<at::Tensor> quantized;
  for (size_t i = 0; i < latents.size(); ++i) {
    FullPrecision guard(latents[i].device().type());
    auto z_BND = latents[i].to(torch::kFloat);
    if (z_BND.dim() != 3 || z_BND.size(0) != x_BCHW.size(0) || z_BND.size(1) != grids_[i].positions() || z_BND.size(2) != grids_[i].depth)
      throw Error(ExitCode::bad_plugin, fmt::format("the encoder returned a latent of shape {}, expected [{}, {}, {}]",
                                                    c10::str(z_BND.sizes()), x_BCHW.size(0), grids_[i].positions(), grids_[i].depth));
    auto q = quantizers_[i]->quantize(z_BND, step);
    state.expect_unchanged("the quantizer");
    check_ids(q.ids_BN, z_BND.size(0), lengths_[i]);
    if (q.zq_BND.sizes() != z_BND.sizes())
      throw Error(ExitCode::bad_plugin, fmt::format("the quantizer returned a latent of shape {}, expected {}", c10::str(q.zq_BND.sizes()),
                                                    c10::str(z_BND.sizes())));
    // What it does at every step it does at the first; later only where ids are kept.
    if (step.step == 0) check_range("the quantizer gave", q.ids_BN, TokenLayout(quantizers_[i]->layout(grids_[i])));
    if (q.loss.defined()) out.loss = out.loss.defined() ? out.loss + q.loss : q.loss;
    for (auto& [name, value] : q.parts) out.parts[latents.size() > 1 ? name + std::to_string(i) : name] = value;
    quantized.push_back(q.zq_BND);
  }
  out.x_BCHW = encoder_->decode(quantized);
  state.expect_unchanged("the encoder's decoder");
  if (out.x_BCHW.sizes() != x_BCHW.sizes())
    throw Error(ExitCode::bad_plugin, fmt::format("the decoder returned images of shape {}, expected {}", c10::str(out.x_BCHW.sizes()),
                                                  c10::str(x_BCHW.sizes())));
  return out;
}

void Tokenizer::start(const at::Tensor& x_BCHW, const Noise& noise, int64_t batch) {
  torch::NoGradGuard no_grad;
  bool was_training = is_training();
  eval();
  std::vector<std::vector<at::Tensor>> latents(grids_.size());
  for (const auto& block : x_BCHW.split(batch)) {
    auto z = encoder_->encode(block);
    for (size_t i = 0; i < z.size(); ++i) latents[i].push_back(z[i].to(torch::kFloat).flatten(0, 1));
  }
  for (size_t i = 0; i < grids_.size(); ++i) quantizers_[i]->start(torch::cat(latents[i]), noise.at(static_cast<int64_t>(i)));
  train(was_training);
}

void Tokenizer::after_step(const StepContext& step) {
  torch::NoGradGuard no_grad;
  for (auto& quantizer : quantizers_) quantizer->after_step(step);
}

at::Tensor Tokenizer::encode(const at::Tensor& x_BCHW) {
  torch::NoGradGuard no_grad;
  FullPrecision guard(x_BCHW.device().type());
  eval();
  GlobalState state;
  auto latents = encoder_->encode(x_BCHW);
  state.expect_unchanged("the encoder");
  StepContext step{0, 1, Noise(0, "encode")};
  std::vector<at::Tensor> ids;
  for (size_t i = 0; i < latents.size(); ++i) {
    ids.push_back(quantizers_[i]->quantize(latents[i].to(torch::kFloat), step).ids_BN);
    state.expect_unchanged("the quantizer");
    check_ids(ids.back(), x_BCHW.size(0), lengths_[i]);
  }
  auto ids_BN = torch::cat(ids, 1);
  check_range("the quantizer gave", ids_BN, layout_);
  return ids_BN;
}

at::Tensor Tokenizer::decode(const at::Tensor& ids_BN) {
  torch::NoGradGuard no_grad;
  FullPrecision guard(ids_BN.device().type());
  eval();
  check_range("the decoder was given", ids_BN, layout_);
  std::vector<at::Tensor> quantized;
  int64_t begin = 0;
  for (size_t i = 0; i < quantizers_.size(); ++i) {
    quantized.push_back(quantizers_[i]->lookup(ids_BN.narrow(1, begin, lengths_[i])));
    begin += lengths_[i];
  }
  return encoder_->decode(quantized).to(torch::kFloat).clamp(-1, 1);
}

}  // namespace tessera
