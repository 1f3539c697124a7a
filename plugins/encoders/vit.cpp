// Transformer autoencoder in the manner of ViT-VQGAN (2110.04627): patches become tokens by one linear layer, transformer
// blocks see them all, a linear layer gives the latent; the decoder is the mirror. Blocks are those of the priors.
#include "nn/transformer.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

// Linear, learned positions, blocks, norm, linear: one way of the autoencoder.
class Way : public torch::nn::Module {
 public:
  Way(int64_t in, int64_t out, int64_t positions, const TransformerOptions& options)
      : embed_(register_module("embed", torch::nn::Linear(in, options.width))),
        norm_(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.width})))),
        head(register_module("head", torch::nn::Linear(options.width, out))),
        position_NC_(register_parameter("position", torch::randn({positions, options.width}) * 0.02)) {
    for (int64_t i = 0; i < options.layers; ++i)
      blocks_.push_back(
          register_module("block" + std::to_string(i), std::make_shared<TransformerBlock>(options.width, options.heads, options.dropout)));
  }

  at::Tensor forward(const at::Tensor& in_BNC) {
    auto x_BNC = embed_(in_BNC) + position_NC_;
    for (auto& block : blocks_) x_BNC = block->forward(x_BNC, {});
    return head(norm_(x_BNC));
  }

 private:
  torch::nn::Linear embed_;
  torch::nn::LayerNorm norm_;

 public:
  torch::nn::Linear head;

 private:
  at::Tensor position_NC_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
};

class Vit : public Encoder {
 public:
  struct Options {
    int64_t patch = 4;
    int64_t width = 128;
    int64_t layers = 2;
    int64_t heads = 4;
    double dropout = 0.0;
    int64_t depth = 32;
    template <class Visitor>
    void visit(Visitor& v) {
      v("patch", patch, "Pixels a side of one latent position.", Effect::architecture, range(1, 256));
      v("width", width, "Channels of a token.", Effect::architecture, range(1, 8192));
      v("layers", layers, "Transformer blocks, in each direction.", Effect::architecture, range(1, 128));
      v("heads", heads, "Attention heads; must divide the width.", Effect::architecture, range(1, 256));
      v("dropout", dropout, "Dropout of what each block adds.", Effect::training, range(0, 0.9));
      v("depth", depth, "Latent channels D.", Effect::architecture, range(1, 4096));
    }
  };

  Vit(const Options& options, const EncoderSpec& spec, Host&) : image_(spec.image), patch_(options.patch), depth_(options.depth) {
    if (options.width % options.heads != 0)
      throw OptionError("heads",
                        "found " + std::to_string(options.heads) + ", expected a divisor of the width of " + std::to_string(options.width));
    if (image_.height < 1 || image_.width < 1 || image_.height % patch_ != 0 || image_.width % patch_ != 0)
      throw OptionError("patch", "found images of " + size_text(image_) + ", expected sides that are multiples of the patch of " +
                                     std::to_string(patch_));
    TransformerOptions network;
    network.width = options.width;
    network.layers = options.layers;
    network.heads = options.heads;
    network.dropout = options.dropout;
    int64_t pixels = image_.channels * patch_ * patch_, positions = grid().positions();
    encoder_ = register_module("encoder", std::make_shared<Way>(pixels, depth_, positions, network));
    decoder_ = register_module("decoder", std::make_shared<Way>(depth_, pixels, positions, network));
  }

  // Positions are learned, one image shape an instance.
  std::vector<Grid> latents(ImageShape image) const override {
    if (image.channels != image_.channels || image.height != image_.height || image.width != image_.width)
      throw OptionError("",
                        "found images of " + size_text(image) + ", expected " + size_text(image_) + ", which this encoder was made for");
    return {grid()};
  }

  std::vector<at::Tensor> encode(const at::Tensor& x_BCHW) override {
    auto patches_BNC = torch::pixel_unshuffle(x_BCHW, patch_).flatten(2).transpose(1, 2);
    return {encoder_->forward(patches_BNC)};
  }

  at::Tensor decode(const std::vector<at::Tensor>& zq) override {
    auto patches_BNC = decoder_->forward(zq.at(0));
    auto cells = patches_BNC.transpose(1, 2).reshape({patches_BNC.size(0), patches_BNC.size(2), grid().height, grid().width});
    return torch::pixel_shuffle(cells, patch_);
  }

  at::Tensor last_layer() override { return decoder_->head->weight; }

 private:
  static std::string size_text(ImageShape image) {
    return std::to_string(image.height) + "x" + std::to_string(image.width) + " with " + std::to_string(image.channels) + " channels";
  }
  Grid grid() const { return {image_.height / patch_, image_.width / patch_, depth_, true}; }

  ImageShape image_;
  int64_t patch_, depth_;
  std::shared_ptr<Way> encoder_, decoder_;
};

}  // namespace

TESSERA_EXPORT(Encoder, Vit, "vit",
               {.version = "1.0", .revision = 1, .summary = "Transformer autoencoder on patches, both ways", .paper = "2110.04627"})

}  // namespace tessera
