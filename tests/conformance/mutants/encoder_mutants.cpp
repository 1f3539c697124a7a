// A small healthy encoder ("none") and one wrong variant of it for each law, named after the law.
#include <ATen/Parallel.h>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class EncoderMutants : public Encoder {
 public:
  struct Options {
    std::string mutant = "none";
    template <class Visitor>
    void visit(Visitor& v) {
      v("mutant", mutant, "What is wrong; the law of that name sees it.", Effect::architecture,
        one_of({"none",
                "shapes",
                "oblong_images",
                "any_channels",
                "encode_rows",
                "decode_rows",
                "eval_repeats",
                "eval_keeps_state",
                "state_round_trip",
                "instances_apart",
                "seeded_start",
                "parameters_get_gradient",
                "gradient_through_decoder",
                "last_layer_is_parameter",
                "last_layer_is_last",
                "other_size_refused",
                "odd_size_refused_or_works",
                "positions_row_major",
                "inputs_untouched",
                "plain_images_are_finite",
                "learns",
                "global_state_kept"}));
    }
  };

  EncoderMutants(const Options& options, const EncoderSpec& spec, Host&) : mutant_(options.mutant), image_(spec.image) {
    bool odd = image_.height % kPatch != 0 || image_.width % kPatch != 0;
    if (odd && !is("odd_size_refused_or_works")) throw OptionError("", "expected sides that are multiples of 8");
    if (is("seeded_start")) torch::manual_seed(77);
    if (is("global_state_kept")) at::set_num_threads(at::get_num_threads() + 1);
    int64_t channels = is("any_channels") ? 3 : image_.channels, pixels = channels * kPatch * kPatch;
    in_ = register_module("in", torch::nn::Linear(pixels, kWidth));
    code_ = register_module("code", torch::nn::Linear(kWidth, kDepth));
    grow_ = register_module("grow", torch::nn::Linear(kDepth, kWidth));
    out_ = register_module("out", torch::nn::Linear(kWidth, pixels));
    if (is("parameters_get_gradient")) register_parameter("unused", torch::ones({3}));
    if (is("state_round_trip")) hidden_ = torch::randn({kDepth});
    mean_ = register_buffer("mean", torch::zeros({kDepth}));
    if (is("instances_apart")) {
      static at::Tensor shared = torch::randn({kDepth}).requires_grad_();
      bias_ = register_parameter("shared", shared);
    }
  }

  std::vector<Grid> latents(ImageShape image) const override {
    if (!is("other_size_refused") && (image.channels != image_.channels || image.height != image_.height || image.width != image_.width))
      throw OptionError("", "found another image size");
    Grid grid{image.height / kPatch, image.width / kPatch, kDepth, true};
    if (is("shapes")) ++grid.width;
    return {grid};
  }

  std::vector<at::Tensor> encode(const at::Tensor& x_BCHW) override {
    auto x = x_BCHW;
    if (is("inputs_untouched")) x.mul_(0.5);
    if (is("plain_images_are_finite")) x = x / x.std();
    auto patches = torch::pixel_unshuffle(x, kPatch).flatten(2).transpose(1, 2);
    auto z = code_(torch::silu(in_(patches)));
    if (is("encode_rows")) z = z - z.mean(0, true);
    if (is("eval_repeats")) z = z + torch::randn_like(z);
    if (is("state_round_trip")) z = z + hidden_;
    if (is("instances_apart")) z = z + bias_;
    if (is("eval_keeps_state")) mean_.lerp_(z.detach().mean(std::vector<int64_t>{0, 1}), 0.1);
    if (is("positions_row_major")) z = cells(z).transpose(2, 3).flatten(2).transpose(1, 2);
    return {z};
  }

  at::Tensor decode(const std::vector<at::Tensor>& zq) override {
    auto z = zq.at(0);
    if (is("gradient_through_decoder")) z = z.detach() + grow_->weight.sum() * 0 + code_->weight.sum() * 0;
    if (is("decode_rows")) z = z - z.mean(0, true);
    auto y = out_(torch::silu(grow_(z)));
    if (is("learns")) y = -y.abs() - 1;
    return torch::pixel_shuffle(cells(y), kPatch);
  }

  at::Tensor last_layer() override {
    if (is("last_layer_is_parameter")) return out_->weight.clone();
    if (is("last_layer_is_last")) return grow_->weight;
    return out_->weight;
  }

 private:
  static constexpr int64_t kPatch = 8, kWidth = 64, kDepth = 16;

  bool is(const char* mutant) const { return mutant_ == mutant; }
  // BNC -> BChw.
  at::Tensor cells(const at::Tensor& x_BNC) const {
    int64_t rows = image_.height / kPatch, columns = image_.width / kPatch;
    if (is("oblong_images")) rows = columns = static_cast<int64_t>(std::sqrt(static_cast<double>(rows * columns)));
    return x_BNC.transpose(1, 2).reshape({x_BNC.size(0), x_BNC.size(2), rows, columns});
  }

  std::string mutant_;
  ImageShape image_;
  torch::nn::Linear in_{nullptr}, code_{nullptr}, grow_{nullptr}, out_{nullptr};
  at::Tensor hidden_, mean_, bias_;
};

}  // namespace

TESSERA_EXPORT(Encoder, EncoderMutants, "encoder_mutants", {.version = "1.0", .revision = 1, .summary = "Wrong on purpose", .paper = ""})

}  // namespace tessera
