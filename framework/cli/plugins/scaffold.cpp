#include "cli/plugins/scaffold.hpp"

#include <fmt/format.h>

#include <regex>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/option_schema.hpp"
#include "core/text.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// @ID@ and @CLASS@ are replaced.
constexpr const char* kEncoder =
    R"plugin(// @ID@: an encoder. Cuts the image into patches and maps each to a latent by one linear map, and back by another.
#include <torch/torch.h>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class @CLASS@ : public Encoder {
 public:
  struct Options {
    int64_t patch = 4;
    int64_t depth = 16;
    template <class Visitor>
    void visit(Visitor& v) {
      v("patch", patch, "Side of a patch in pixels; divides the image's sides.", Effect::architecture, range(1, 64));
      v("depth", depth, "Channels of a latent.", Effect::architecture, range(1, 1024));
    }
  };

  @CLASS@(const Options& options, const EncoderSpec& spec, Host&) : options_(options) {
    const int64_t values = spec.image.channels * options.patch * options.patch;
    (void)latents(spec.image);  // refuses images that cannot be cut
    image_ = spec.image;
    in_ = register_module("in", torch::nn::Linear(values, options.depth));
    out_ = register_module("out", torch::nn::Linear(options.depth, values));
  }

  std::vector<Grid> latents(ImageShape image) const override {
    if (image.height % options_.patch != 0 || image.width % options_.patch != 0)
      throw OptionError("patch", "found " + std::to_string(options_.patch) + ", expected a divisor of " + std::to_string(image.height) +
                                     " and " + std::to_string(image.width));
    return {{image.height / options_.patch, image.width / options_.patch, options_.depth}};
  }

  std::vector<at::Tensor> encode(const at::Tensor& x_BCHW) override {
    auto patches_BVN = at::im2col(x_BCHW, {options_.patch, options_.patch}, {1, 1}, {0, 0}, {options_.patch, options_.patch});
    return {in_->forward(patches_BVN.transpose(1, 2))};
  }

  at::Tensor decode(const std::vector<at::Tensor>& zq) override {
    auto patches_BVN = out_->forward(zq[0]).transpose(1, 2);
    return at::col2im(patches_BVN, {image_.height, image_.width}, {options_.patch, options_.patch}, {1, 1}, {0, 0},
                      {options_.patch, options_.patch});
  }

  at::Tensor last_layer() override { return out_->weight; }

 private:
  Options options_;
  ImageShape image_;
  torch::nn::Linear in_{nullptr}, out_{nullptr};
};

}  // namespace

TESSERA_EXPORT(Encoder, @CLASS@, "@ID@", {.version = "0.1", .revision = 0, .summary = "Patches, one linear map each way", .paper = ""})

}  // namespace tessera
)plugin";

constexpr const char* kQuantizer =
    R"plugin(// @ID@: a quantizer. The nearest of K learned codes; codes and encoder are drawn to each other (1711.00937).
#include <torch/torch.h>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class @CLASS@ : public Quantizer {
 public:
  struct Options {
    int64_t codes = 256;
    double commitment = 0.25;
    template <class Visitor>
    void visit(Visitor& v) {
      v("codes", codes, "Number of codes K.", Effect::architecture, range(2, 1 << 16));
      v("commitment", commitment, "Weight of the loss that draws the encoder to the codes.", Effect::training, at_least(0));
    }
  };

  @CLASS@(const Options& options, const QuantizerSpec& spec, Host&) : options_(options) {
    codes_KD_ = register_parameter("codes", torch::randn({options.codes, spec.latent.depth}));
  }

  TokenLayout layout(Grid latent) const override {
    if (latent.depth != codes_KD_.size(1))
      throw OptionError("", "found a latent of " + std::to_string(latent.depth) + " channels, expected " + std::to_string(codes_KD_.size(1)));
    return TokenLayout({{latent.height, latent.width, options_.codes, latent.spatial}});
  }

  // Starts at encoder outputs: codes far from all of them would never be used.
  void start(const at::Tensor& z_MD, const Noise& noise) override {
    auto rows = noise.permutation(z_MD.size(0), "codes").remainder(z_MD.size(0));
    auto index_K = torch::arange(options_.codes, torch::kLong).remainder(z_MD.size(0));
    codes_KD_.data().copy_(z_MD.index_select(0, rows.index_select(0, index_K).to(z_MD.device())));
  }

  Quantized quantize(const at::Tensor& z_BND, const StepContext&) override {
    auto distance_BNK = z_BND.square().sum(-1, true) - 2 * torch::matmul(z_BND, codes_KD_.t()) + codes_KD_.square().sum(-1);
    auto ids_BN = distance_BNK.detach().argmin(-1);
    auto zq_BND = lookup(ids_BN);
    auto codebook = (zq_BND - z_BND.detach()).square().mean(), commitment = (zq_BND.detach() - z_BND).square().mean();
    Quantized result;
    result.zq_BND = zq_BND.detach() + (z_BND - z_BND.detach());  // the value of zq, the gradient of z
    result.ids_BN = ids_BN;
    result.loss = codebook + options_.commitment * commitment;
    result.parts = {{"commitment", commitment.detach()}};
    return result;
  }

  at::Tensor lookup(const at::Tensor& ids_BN, int64_t = -1) override {
    return codes_KD_.index_select(0, ids_BN.flatten()).view({ids_BN.size(0), ids_BN.size(1), -1});
  }

  at::Tensor codebook_KD() override { return codes_KD_; }

 private:
  Options options_;
  at::Tensor codes_KD_;
};

}  // namespace

TESSERA_EXPORT(Quantizer, @CLASS@, "@ID@", {.version = "0.1", .revision = 0, .summary = "Nearest of K learned codes", .paper = ""})

}  // namespace tessera
)plugin";

constexpr const char* kPrior =
    R"plugin(// @ID@: a prior. The shared transformer, causal: what is yours to change is the objective, the order, and what is fed.
#include "nn/sessions.hpp"
#include "nn/transformer_options.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class @CLASS@ : public Prior {
 public:
  struct Options {
    TransformerOptions network;
    template <class Visitor>
    void visit(Visitor& v) {
      visit_transformer(v, network);
    }
  };

  @CLASS@(const Options& options, const PriorSpec& spec, Host&)
      : network_(register_module("network", std::make_shared<Transformer>(options.network, spec.layout, spec.classes, Transformer::Sight::causal))) {}

  Order order() const override {
    Order order;
    order.rank_N = network_->ranks();
    order.sees_rank = true;
    return order;
  }

  Loss loss(const TokenBatch& batch, const StepContext&) override {
    const int64_t rows = batch.ids_BN.size(0), slots = batch.ids_BN.size(1);
    auto hidden_BTD = network_->causal(batch.ids_BN, batch.condition.label_B, 0, slots);

    // Slot s is scored on the token of the position that it predicts.
    auto position_N = torch::tensor(network_->slots(), torch::kLong);
    auto ids_BN = batch.ids_BN.index_select(1, position_N.to(batch.ids_BN.device()));
    auto scored = network_->score(hidden_BTD.flatten(0, 1), ids_BN.flatten(), position_N.repeat({rows}), 0.0);
    const auto weight = static_cast<double>(rows * slots);
    return {scored.total, weight, {{"nll", scored.nll / weight}}};
  }

  std::unique_ptr<DecodeSession> open(const Condition& condition) override {
    return std::make_unique<CausalSession>(*network_, order(), condition);
  }

 private:
  std::shared_ptr<Transformer> network_;
};

}  // namespace

TESSERA_EXPORT(Prior, @CLASS@, "@ID@", {.version = "0.1", .revision = 0, .summary = "A causal transformer", .paper = ""})

}  // namespace tessera
)plugin";

constexpr const char* kSampling =
    R"plugin(// @ID@: a sampling strategy. Decides the undecided positions in a random order, some at each step.
#include <torch/torch.h>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class @CLASS@ : public SamplingStrategy {
 public:
  struct Options {
    int64_t steps = 8;
    template <class Visitor>
    void visit(Visitor& v) {
      v("steps", steps, "Questions asked for one sample.", Effect::inference, range(1, 4096));
    }
  };

  @CLASS@(const Options& options, const SamplingSpec&, Host&) : options_(options) {}

  Needs needs(const TokenLayout&) const override {
    Needs needs;
    needs.any_order = needs.parallel = true;
    return needs;
  }

  void sample(DecodeSession& session, SamplingContext& context) override {
    // A random order of the undecided positions; known tokens are behind them and never asked.
    const int64_t length = session.layout().length();
    auto known_BN = session.ids_BN() >= 0;
    auto all_BN = torch::arange(length, torch::kLong).to(session.device()).expand({session.batch(), length});
    auto key_BN = context.gumbel(all_BN, "order", {0, 1}).masked_fill(known_BN, std::numeric_limits<float>::infinity());
    auto order_BN = key_BN.argsort(1, false);
    const auto undecided = (length - known_BN.sum(1)).max().item<int64_t>(), steps = std::min(options_.steps, undecided);

    for (int64_t step = 0; step < steps; ++step) {
      auto mine_BQ = order_BN.slice(1, undecided * step / steps, undecided * (step + 1) / steps);
      auto positions_BQ = torch::where(known_BN.gather(1, mine_BQ), -1, mine_BQ);
      Step now{step, steps};
      session.commit(positions_BQ, context.draw(session.logits(positions_BQ, now), positions_BQ, now).ids_BQ);
    }
  }

 private:
  Options options_;
};

}  // namespace

TESSERA_EXPORT(SamplingStrategy, @CLASS@, "@ID@", {.version = "0.1", .revision = 0, .summary = "A random order, some at each step", .paper = ""})

}  // namespace tessera
)plugin";

constexpr const char* kBuild = R"cmake(# cmake -B build -DCMAKE_PREFIX_PATH=<where Tessera is installed> && cmake --build build
cmake_minimum_required(VERSION 3.25)
set(CMAKE_CXX_COMPILER clang++-14 CACHE STRING "The compiler that Tessera was built with")
project(@ID@ LANGUAGES CXX)
find_package(Tessera REQUIRED)
tessera_add_plugin(@FOLDER@ @ID@.cpp)
)cmake";

struct Template {
  const char *kind, *folder, *suffix, *source;
};
constexpr Template kTemplates[] = {{"encoder", "encoders", "Encoder", kEncoder},
                                   {"quantizer", "quantizers", "Quantizer", kQuantizer},
                                   {"prior", "priors", "Prior", kPrior},
                                   {"sampling", "sampling", "Sampler", kSampling}};

// my_idea -> MyIdeaPrior: no id then makes a name that the headers have.
std::string class_name(const std::string& id, const std::string& suffix) {
  std::string name;
  bool upper = true;
  for (char c : id) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name + suffix;
}

const Template& find_template(const std::string& kind) {
  std::vector<std::string> kinds;
  for (const auto& one : kTemplates) {
    if (kind == one.kind) return one;
    kinds.emplace_back(one.kind);
  }
  const auto near = did_you_mean(kind, kinds);
  throw Error(ExitCode::bad_config, fmt::format("found kind '{}', expected one of {}{}", kind, fmt::join(kinds, ", "),
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace

fs::path write_scaffold(const std::string& kind, const std::string& id, const fs::path& parent) {
  const auto& one = find_template(kind);
  if (!std::regex_match(id, std::regex("[a-z][a-z0-9]*(_[a-z0-9]+)*")))
    throw Error(ExitCode::bad_config, fmt::format("found id '{}', expected lower-case words joined by _, such as my_idea", id));
  auto folder = parent / id;
  if (fs::exists(folder)) throw Error(ExitCode::bad_config, fmt::format("{} exists already", folder.string()));
  fs::create_directories(folder);
  const auto fill = [&](const char* text) {
    return replace_all(replace_all(replace_all(text, "@ID@", id), "@CLASS@", class_name(id, one.suffix)), "@FOLDER@", one.folder);
  };
  write_file_atomically(folder / (id + ".cpp"), fill(one.source));
  write_file_atomically(folder / "CMakeLists.txt", fill(kBuild));
  return folder;
}

}  // namespace tessera
