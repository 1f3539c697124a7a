// Convolutional autoencoder in the manner of VQGAN (2012.09841). Two choices differ: the first layer takes `patch` pixels a
// side at once (space to depth), so all work happens on small grids, where a CPU reaches the same quality in a third of the
// time; and the decoder is deeper than the encoder, because tokens that see less of the image are easier to predict for a
// prior (0.6 bits a token on emoji) at little loss of quality.
#include <bit>

#include "nn/conv_blocks.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class Conv : public Encoder {
 public:
  struct Options {
    int64_t channels = 64;
    int64_t factor = 4;
    int64_t patch = 4;
    std::vector<int64_t> multipliers = {1, 2};
    int64_t blocks = 1;
    int64_t decoder_blocks = 5;
    bool attention = false;
    int64_t depth = 32;
    template <class Visitor>
    void visit(Visitor& v) {
      v("channels", channels, "Channels of the finest grid.", Effect::architecture, range(1, 4096));
      v("factor", factor, "Pixels a side of one latent position, a power of two.", Effect::architecture, range(1, 256));
      v("patch", patch, "Pixels a side that the first layer takes at once, a power of two, at most `factor`.", Effect::architecture,
        range(1, 256));
      v("multipliers", multipliers, "Channels of each grid from fine to coarse, as multiples of `channels`; the last one repeats.",
        Effect::architecture, range(1, 64));
      v("blocks", blocks, "Residual blocks of the encoder on each grid.", Effect::architecture, range(0, 64));
      v("decoder_blocks", decoder_blocks, "Residual blocks of the decoder on each grid.", Effect::architecture, range(0, 64));
      v("attention", attention, "Attention over all positions of the coarsest grid, in both directions.", Effect::architecture);
      v("depth", depth, "Latent channels D.", Effect::architecture, range(1, 4096));
    }
  };

  Conv(const Options& options, const EncoderSpec& spec, Host&) : image_(spec.image), depth_(options.depth), factor_(options.factor) {
    if (!power_of_two(options.factor)) throw OptionError("factor", "found " + std::to_string(options.factor) + ", expected a power of two");
    if (!power_of_two(options.patch) || options.patch > options.factor)
      throw OptionError("patch", "found " + std::to_string(options.patch) + ", expected a power of two that is at most the factor of " +
                                     std::to_string(options.factor));
    if (options.multipliers.empty()) throw OptionError("multipliers", "found an empty list, expected at least one number");
    if (image_.height < 1 || image_.width < 1 || image_.height % factor_ != 0 || image_.width % factor_ != 0)
      throw OptionError("factor", "found images of " + size_text(image_) + ", expected sides that are multiples of the factor of " +
                                      std::to_string(factor_));
    build_encoder(options);
    build_decoder(options);
  }

  // Decoding needs the grid, which N alone does not give: hence one image shape an instance.
  std::vector<Grid> latents(ImageShape image) const override {
    if (image.channels != image_.channels || image.height != image_.height || image.width != image_.width)
      throw OptionError("",
                        "found images of " + size_text(image) + ", expected " + size_text(image_) + ", which this encoder was made for");
    return {{image.height / factor_, image.width / factor_, depth_, true}};
  }

  std::vector<at::Tensor> encode(const at::Tensor& x_BCHW) override { return {cells_to_positions(encoder_->forward(x_BCHW))}; }

  at::Tensor decode(const std::vector<at::Tensor>& zq) override {
    return decoder_->forward(positions_to_cells(zq.at(0), image_.height / factor_, image_.width / factor_));
  }

  at::Tensor last_layer() override { return pixels_->weight(); }

 private:
  static bool power_of_two(int64_t value) { return value > 0 && std::has_single_bit(static_cast<uint64_t>(value)); }

  static std::string size_text(ImageShape image) {
    return std::to_string(image.height) + "x" + std::to_string(image.width) + " with " + std::to_string(image.channels) + " channels";
  }

  // Channels of each grid, fine to coarse.
  static std::vector<int64_t> widths(const Options& options) {
    std::vector<int64_t> widths;
    for (int64_t side = options.patch; side <= options.factor; side *= 2)
      widths.push_back(options.channels * options.multipliers[std::min(widths.size(), options.multipliers.size() - 1)]);
    return widths;
  }

  void build_encoder(const Options& options) {
    auto width = widths(options);
    encoder_->push_back(SpaceToDepth(image_.channels, width[0], options.patch));
    for (size_t level = 0; level < width.size(); ++level) {
      if (level > 0) encoder_->push_back(SpaceToDepth(width[level - 1], width[level], 2));
      for (int64_t i = 0; i < options.blocks; ++i) encoder_->push_back(ResidualBlock(width[level]));
    }
    if (options.attention) encoder_->push_back(CellAttention(width.back()));
    encoder_->push_back(group_norm(width.back()));
    encoder_->push_back(torch::nn::SiLU());
    encoder_->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(width.back(), depth_, 1)));
    register_module("encoder", encoder_);
  }

  void build_decoder(const Options& options) {
    auto width = widths(options);
    decoder_->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(depth_, width.back(), 3).padding(1)));
    if (options.attention) decoder_->push_back(CellAttention(width.back()));
    for (size_t level = width.size(); level-- > 0;) {
      for (int64_t i = 0; i < options.decoder_blocks; ++i) decoder_->push_back(ResidualBlock(width[level]));
      if (level > 0) decoder_->push_back(DepthToSpace(width[level], width[level - 1], 2, 1));
    }
    decoder_->push_back(group_norm(width[0]));
    decoder_->push_back(torch::nn::SiLU());
    pixels_ = std::make_shared<DepthToSpace>(width[0], image_.channels, options.patch, 3);
    decoder_->push_back(pixels_);
    register_module("decoder", decoder_);
  }

  ImageShape image_;
  int64_t depth_, factor_;
  torch::nn::Sequential encoder_, decoder_;
  std::shared_ptr<DepthToSpace> pixels_;
};

}  // namespace

TESSERA_EXPORT(
    Encoder, Conv, "conv",
    {.version = "1.0", .revision = 1, .summary = "Convolutional autoencoder: residual blocks, space to depth", .paper = "2012.09841"})

}  // namespace tessera
