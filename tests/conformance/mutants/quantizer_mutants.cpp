// A small healthy vector quantizer with moving averages ("none") and one wrong variant of it for each law, named after the law.
#include <ATen/Parallel.h>

#include "kernels/codebook/kmeans.hpp"
#include "kernels/codebook/segment_sums.hpp"
#include "kernels/nearest_code/nearest_code.hpp"
#include "nn/straight_through.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class QuantizerMutants : public Quantizer {
 public:
  struct Options {
    std::string mutant = "none";
    double beta = 0.25;
    double decay = 0.99;
    bool revival = true;
    template <class Visitor>
    void visit(Visitor& v) {
      v("mutant", mutant, "What is wrong; the law of that name sees it.", Effect::architecture,
        one_of({"none",
                "shapes",
                "ids_in_range",
                "lookup_equals_quantize",
                "codes_are_told_apart",
                "gradient_reaches_latent",
                "loss_pulls_latent_to_code",
                "beta_scales_encoder_half",
                "beta_spares_codebook",
                "codebook_learns",
                "eval_keeps_state",
                "quantize_keeps_state",
                "eval_ignores_noise",
                "rows_apart",
                "steps_repeat",
                "state_round_trip",
                "empty_step",
                "micro_batches_add_up",
                "state_holds_no_graph",
                "start_helps",
                "start_lasts",
                "start_with_few_vectors",
                "dead_codes_revive",
                "small_batch_kills_no_code",
                "ties_go_to_the_lowest",
                "large_latents_are_finite",
                "other_depth_refused",
                "layout_follows_grid",
                "global_state_kept"}));
      v("beta", beta, "Commitment weight.", Effect::training, at_least(0));
      v("decay", decay, "Decay of the averages.", Effect::training, range(0, 1));
      v("revival", revival, "Moves dead codes.", Effect::training);
    }
  };

  QuantizerMutants(const Options& options, const QuantizerSpec& spec, Host&) : options_(options), depth_(spec.latent.depth) {
    auto codebook = torch::randn({kCodes, depth_});
    // Beta can spare a codebook only where a gradient moves it.
    codebook_KD_ = is("beta_spares_codebook") ? register_parameter("codebook", codebook) : register_buffer("codebook", codebook);
    count_K_ = register_buffer("count", torch::ones({kCodes}));
    sum_KD_ = register_buffer("sum", codebook.clone());
  }

  TokenLayout layout(Grid latent) const override {
    if (latent.depth != depth_ && !is("other_depth_refused")) throw OptionError("", "found another depth");
    return TokenLayout({{latent.height, latent.width, kCodes, is("layout_follows_grid") || latent.spatial}});
  }

  void start(const at::Tensor& z_MD, const Noise& noise) override {
    torch::NoGradGuard no_grad;
    if (is("start_with_few_vectors")) {
      codebook_KD_.copy_(z_MD.index_select(0, noise.permutation(z_MD.size(0), "start").slice(0, 0, kCodes)));
      return;
    }
    auto clusters = kmeans(z_MD, kCodes, 5, noise);
    codebook_KD_.copy_(is("start_helps") ? clusters.centroid_KD + 30 : clusters.centroid_KD);
    if (is("start_lasts")) return;
    count_K_.copy_(clusters.count_K);
    sum_KD_.copy_(codebook_KD_ * count_K_.unsqueeze(1));
  }

  Quantized quantize(const at::Tensor& z_BND, const StepContext& step) override {
    auto z_MD = z_BND.flatten(0, 1);
    if (is("global_state_kept")) at::set_num_threads(at::get_num_threads() + 1);
    if (is("rows_apart")) z_MD = z_MD - z_MD.mean(0);
    auto asked_MD = is("eval_ignores_noise") ? z_MD + step.noise.normal(z_MD.sizes(), "dither") : z_MD;
    auto ids_M = nearest_code(asked_MD, codebook_KD_);
    if (is("ties_go_to_the_lowest")) ids_M = kCodes - 1 - nearest_code(z_MD, codebook_KD_.flip(0));
    if (is("codes_are_told_apart")) ids_M = ids_M % 2;
    auto q_MD = codebook_KD_.index_select(0, ids_M);

    if (is_training() || is("eval_keeps_state")) {
      if (is("micro_batches_add_up")) kept_.clear();
      kept_.emplace_back(is("state_holds_no_graph") ? z_MD : z_MD.detach(), ids_M);
      if (is("quantize_keeps_state")) after_step(step);
    }
    auto zq_MD = is("gradient_reaches_latent") ? q_MD.detach() : straight_through(z_MD, q_MD);
    if (is("large_latents_are_finite")) zq_MD = zq_MD * (z_MD.norm() / z_MD.norm());
    auto ids_BN = ids_M.view({z_BND.size(0), z_BND.size(1)});
    if (is("ids_in_range")) ids_BN = ids_BN + kCodes;
    if (is("shapes")) ids_BN = ids_BN.to(torch::kInt);
    return {zq_MD.view(z_BND.sizes()), ids_BN, loss(z_MD, q_MD), {}};
  }

  void after_step(const StepContext& step) override {
    if (is("empty_step")) count_K_.mul_(options_.decay);
    if (kept_.empty()) return;
    std::vector<at::Tensor> vectors, ids;
    for (auto& [z, id] : kept_) vectors.push_back(z), ids.push_back(id);
    kept_.clear();
    auto z_MD = torch::cat(vectors), ids_M = torch::cat(ids);
    if (is("state_holds_no_graph")) {
      sum_KD_.index_add_(0, ids_M, z_MD);
      return;
    }
    torch::NoGradGuard no_grad;
    auto sums = segment_sums(z_MD, ids_M, kCodes);
    count_K_.lerp_(sums.count_K, 1 - options_.decay);
    sum_KD_.lerp_(sums.sum_KD, 1 - options_.decay);
    if (is("codebook_learns")) return;
    codebook_KD_.copy_(sum_KD_ / count_K_.clamp_min(1e-6).unsqueeze(1));
    static int64_t steps_of_all = 0;
    if (is("steps_repeat")) codebook_KD_.add_(1e-3 * static_cast<double>(++steps_of_all));
    if (is("state_round_trip")) codebook_KD_.add_(1e-3 * static_cast<double>(++steps_));

    auto dead = (is("small_batch_kills_no_code") ? sums.count_K == 0 : count_K_ < 0.1 * count_K_.mean()).nonzero().squeeze(1);
    dead = dead.slice(0, 0, z_MD.size(0));
    if (!options_.revival || is("dead_codes_revive") || dead.numel() == 0) return;
    auto fresh = z_MD.index_select(0, step.noise.permutation(z_MD.size(0), "revival").slice(0, 0, dead.numel()));
    codebook_KD_.index_copy_(0, dead, fresh);
    count_K_.index_fill_(0, dead, 1.0);
    sum_KD_.index_copy_(0, dead, fresh);
  }

  at::Tensor lookup(const at::Tensor& ids_BN, int64_t) override {
    auto ids_M = (ids_BN.flatten() + (is("lookup_equals_quantize") ? 1 : 0)) % kCodes;
    return codebook_KD_.index_select(0, ids_M).view({ids_BN.size(0), ids_BN.size(1), depth_});
  }

  at::Tensor codebook_KD() override { return codebook_KD_; }

 private:
  static constexpr int64_t kCodes = 128;

  bool is(const char* mutant) const { return options_.mutant == mutant; }

  at::Tensor loss(const at::Tensor& z_MD, const at::Tensor& q_MD) const {
    auto commitment = (z_MD - q_MD.detach()).square().mean();
    if (is("loss_pulls_latent_to_code")) return options_.beta * commitment + (straight_through(z_MD, q_MD) - z_MD.detach()).square().mean();
    if (is("beta_scales_encoder_half")) return commitment;
    if (is("beta_spares_codebook")) return options_.beta * (commitment + (q_MD - z_MD.detach()).square().mean());
    return options_.beta * commitment;
  }

  Options options_;
  int64_t depth_, steps_ = 0;
  at::Tensor codebook_KD_, count_K_, sum_KD_;
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;
};

}  // namespace

TESSERA_EXPORT(Quantizer, QuantizerMutants, "quantizer_mutants",
               {.version = "1.0", .revision = 1, .summary = "Wrong on purpose", .paper = ""})

}  // namespace tessera
