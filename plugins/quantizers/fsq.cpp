// Finite scalar quantization (2309.15505): each channel is squashed and rounded to a few levels; their combinations are the
// codes, so there is no codebook and no loss. The latent is first projected to one channel a level (and back), so FSQ fits
// any encoder. With two levels the paper's values are -1 and 0; `symmetric` spreads the levels of every channel over [-1, 1].
#include "nn/code_statistics.hpp"
#include "nn/straight_through.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class Fsq : public Quantizer {
 public:
  struct Options {
    std::vector<int64_t> levels = {8, 6, 5};
    bool symmetric = false;
    template <class Visitor>
    void visit(Visitor& v) {
      v("levels", levels,
        "Levels of each channel; their product is the vocabulary. Suggested: 8 6 5 for 2^8, 8 5 5 5 for 2^10, "
        "7 5 5 5 5 for 2^12, 8 8 8 6 5 for 2^14.",
        Effect::architecture, range(2, 1 << 16));
      v("symmetric", symmetric, "Levels lie evenly in [-1, 1], for an even number of levels too.", Effect::architecture);
    }
  };

  Fsq(const Options& options, const QuantizerSpec& spec, Host&)
      : symmetric_(options.symmetric), latent_(spec.latent), levels_(options.levels) {
    constexpr int64_t kMost = int64_t{1} << 24;
    if (levels_.empty()) throw OptionError("levels", "found an empty list, expected at least one number");
    for (int64_t count : levels_) {
      if (count < 2) throw OptionError("levels", "found " + std::to_string(count) + ", expected at least 2 levels a channel");
      base_.push_back(codes_);
      codes_ *= count;
      if (codes_ > kMost) throw OptionError("levels", "found a product above 2^24, expected a vocabulary of at most that");
    }
    auto channels = static_cast<int64_t>(levels_.size());
    if (channels != latent_.depth) {
      in_ = register_module("in", torch::nn::Linear(latent_.depth, channels));
      out_ = register_module("out", torch::nn::Linear(channels, latent_.depth));
    }
  }

  TokenLayout layout(Grid latent) const override {
    if (latent.depth != latent_.depth)
      throw OptionError("", "found a latent of " + std::to_string(latent.depth) + " channels, expected " + std::to_string(latent_.depth) +
                                ", which this quantizer was made for");
    return TokenLayout({{latent.height, latent.width, codes_, latent.spatial}});
  }

  Quantized quantize(const at::Tensor& z_BND, const StepContext&) override {
    auto bounded_BNC = bound(in_ ? in_(z_BND) : z_BND);
    auto level_BNC = bounded_BNC.detach().round();
    auto value_BNC = straight_through(values(bounded_BNC), values(level_BNC));
    auto ids_BN = ((level_BNC + first_level(z_BND)).to(torch::kLong) * row(base_, z_BND).to(torch::kLong)).sum(-1);
    return {out_ ? out_(value_BNC) : value_BNC, ids_BN, {}, code_statistics(ids_BN, codes_)};
  }

  at::Tensor lookup(const at::Tensor& ids_BN, int64_t planes) override {
    TORCH_CHECK(planes == -1 || planes == 1, "fsq: found ", planes, " planes to look up, expected 1");
    auto above_BNC = ids_BN.unsqueeze(-1).floor_divide(row(base_, ids_BN).to(torch::kLong));
    auto digits_BNC = above_BNC.remainder(row(levels_, ids_BN).to(torch::kLong));
    auto value_BNC = values(digits_BNC.to(torch::kFloat) - first_level(ids_BN));
    return out_ ? out_(value_BNC) : value_BNC;
  }

 private:
  // One number a channel, on the device of `like`.
  static at::Tensor row(const std::vector<int64_t>& numbers, const at::Tensor& like) {
    return torch::tensor(numbers, torch::kFloat).to(like.device());
  }

  // What digit 0 stands for is level -floor(L / 2), or 0 where levels are symmetric.
  at::Tensor first_level(const at::Tensor& like) const {
    auto levels_C = row(levels_, like);
    return symmetric_ ? torch::zeros_like(levels_C) : levels_C.div(2).floor();
  }

  // Squashes z so that rounding gives exactly the levels: -floor(L / 2) to ceil(L / 2) - 1, or 0 to L - 1.
  at::Tensor bound(const at::Tensor& z_BNC) const {
    auto levels_C = row(levels_, z_BNC);
    if (symmetric_) return (levels_C - 1) * (z_BNC.tanh() + 1) / 2;
    constexpr double kMargin = 1e-3;  // without it the outermost levels would be reached at infinity only
    auto half_C = (levels_C - 1) * (1 + kMargin) / 2;
    auto offset_C = (levels_C.remainder(2) == 0).to(torch::kFloat) * 0.5;
    return (z_BNC + (offset_C / half_C).atanh()).tanh() * half_C - offset_C;
  }

  // Levels as numbers around [-1, 1].
  at::Tensor values(const at::Tensor& level_BNC) const {
    auto levels_C = row(levels_, level_BNC);
    return symmetric_ ? level_BNC * (2 / (levels_C - 1)) - 1 : level_BNC / levels_C.div(2).floor();
  }

  bool symmetric_;
  Grid latent_;
  std::vector<int64_t> levels_, base_;
  int64_t codes_ = 1;
  torch::nn::Linear in_{nullptr}, out_{nullptr};
};

}  // namespace

TESSERA_EXPORT(
    Quantizer, Fsq, "fsq",
    {.version = "1.0", .revision = 1, .summary = "Finite scalar quantization: levels a channel, no codebook", .paper = "2309.15505"})

}  // namespace tessera
