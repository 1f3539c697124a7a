// Vector quantization (1711.00937): each latent becomes the nearest row of a codebook, which follows by gradient or by moving
// averages (EMA). Vectors are assigned with the codebook of before the step; the averages move after it, from sums kept in
// between. Surprising on purpose: dead codes are judged by their moving average as a share of the mean, not by a batch's
// counts, so the threshold means the same at every batch size.
#include "kernels/codebook/kmeans.hpp"
#include "kernels/codebook/segment_sums.hpp"
#include "kernels/nearest_code/nearest_code.hpp"
#include "nn/code_statistics.hpp"
#include "nn/straight_through.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class Vq : public Quantizer {
 public:
  struct Options {
    int64_t codes = 512;
    std::string update = "ema";
    double decay = 0.99;
    std::string distance = "euclidean";
    double beta = 0.25;
    bool kmeans = true;
    int64_t kmeans_iterations = 10;
    bool revival = true;
    double revival_threshold = 0.1;
    template <class Visitor>
    void visit(Visitor& v) {
      v("codes", codes, "Number of codes K.", Effect::architecture, range(2, 1 << 20));
      v("update", update, "How the codebook follows: by gradient, or by moving averages of the vectors of each code.", Effect::training,
        one_of({"ema", "gradient"}));
      v("decay", decay, "Decay of the moving averages; they also count uses for revival.", Effect::training, range(0, 0.99999));
      v("distance", distance, "euclidean, or cosine: vectors and codes are scaled to length 1.", Effect::architecture,
        one_of({"euclidean", "cosine"}));
      v("beta", beta, "Weight of the commitment loss, the half that moves the encoder.", Effect::training, at_least(0));
      v("kmeans", kmeans, "Starts the codebook from k-means of encoder outputs; else from random numbers.", Effect::training);
      v("kmeans_iterations", kmeans_iterations, "Lloyd iterations of that start.", Effect::training, range(0, 1000));
      v("revival", revival, "Moves dead codes onto random vectors of the batch.", Effect::training);
      v("revival_threshold", revival_threshold, "A code is dead when its average use falls below this share of the mean over codes.",
        Effect::training, range(0, 1));
    }
  };

  Vq(const Options& options, const QuantizerSpec& spec, Host& host)
      : options_(options), host_(host), latent_(spec.latent), ema_(options.update == "ema"), cosine_(options.distance == "cosine") {
    auto codebook_KD = torch::randn({options.codes, latent_.depth}) / std::sqrt(static_cast<double>(latent_.depth));
    if (cosine_) codebook_KD = unit(codebook_KD);
    codebook_KD_ = ema_ ? register_buffer("codebook", codebook_KD) : register_parameter("codebook", codebook_KD);
    count_K_ = register_buffer("count", torch::ones({options.codes}));
    if (ema_) sum_KD_ = register_buffer("sum", codebook_KD.clone());
  }

  TokenLayout layout(Grid latent) const override {
    if (latent.depth != latent_.depth)
      throw OptionError("", "found a latent of " + std::to_string(latent.depth) + " channels, expected " + std::to_string(latent_.depth) +
                                ", which this quantizer was made for");
    return TokenLayout({{latent.height, latent.width, options_.codes, latent.spatial}});
  }

  void start(const at::Tensor& z_MD, const Noise& noise) override {
    if (!options_.kmeans) return;
    torch::NoGradGuard no_grad;
    // Some vectors a code are enough; more would give the start a weight that the averages take long to forget.
    constexpr int64_t kVectorsOfACode = 64;
    auto rows = noise.permutation(z_MD.size(0), "start").slice(0, 0, kVectorsOfACode * options_.codes).to(z_MD.device());
    auto sample_MD = z_MD.index_select(0, rows);
    if (cosine_) sample_MD = unit(sample_MD);
    auto clusters = tessera::kmeans(sample_MD, options_.codes, options_.kmeans_iterations, noise, cosine_);
    codebook_KD_.copy_(clusters.centroid_KD);
    // Averages begin as if these vectors had been counted; without them the first steps would undo the start.
    count_K_.copy_(clusters.count_K);
    if (ema_) sum_KD_.copy_(clusters.centroid_KD * clusters.count_K.unsqueeze(1));
  }

  Quantized quantize(const at::Tensor& z_BND, const StepContext& step) override {
    auto z_MD = z_BND.flatten(0, 1);
    if (cosine_) z_MD = unit(z_MD);
    auto codebook = codebook_KD();
    auto ids_M = nearest_code(z_MD, codebook);
    auto q_MD = codebook.index_select(0, ids_M);

    // Before the straight-through step. The commitment half alone is scaled by beta; averages need no codebook half.
    auto commitment = (z_MD - q_MD.detach()).square().mean();
    auto loss = options_.beta * commitment;
    if (!ema_) loss = loss + (q_MD - z_MD.detach()).square().mean();

    if (is_training()) keep(z_MD.detach(), ids_M, step);
    auto ids_BN = ids_M.view({z_BND.size(0), z_BND.size(1)});
    auto parts = code_statistics(ids_BN, options_.codes);
    parts["commitment"] = commitment.detach();
    return {straight_through(z_MD, q_MD).view(z_BND.sizes()), ids_BN, loss, parts};
  }

  void after_step(const StepContext& step) override {
    if (kept_.empty()) return;
    torch::NoGradGuard no_grad;
    auto z_MD = torch::cat(kept_), ids_M = torch::cat(kept_ids_);
    kept_.clear();
    kept_ids_.clear();
    auto sums = segment_sums(z_MD, ids_M, options_.codes);
    count_K_.lerp_(sums.count_K, 1 - options_.decay);
    if (ema_) {
      sum_KD_.lerp_(sums.sum_KD, 1 - options_.decay);
      // Laplace smoothing: a code that has lost all its vectors keeps a finite place.
      constexpr double kEpsilon = 1e-5;
      auto total = count_K_.sum();
      auto smooth_K = (count_K_ + kEpsilon) / (total + kEpsilon * static_cast<double>(options_.codes)) * total;
      codebook_KD_.copy_(sum_KD_ / smooth_K.unsqueeze(1));
      if (cosine_) codebook_KD_.copy_(unit(codebook_KD_));
    }
    if (options_.revival) revive(z_MD, step);
  }

  at::Tensor lookup(const at::Tensor& ids_BN, int64_t planes) override {
    TORCH_CHECK(planes == -1 || planes == 1, "vq: found ", planes, " planes to look up, expected 1");
    auto q_MD = codebook_KD().index_select(0, ids_BN.flatten());
    return q_MD.view({ids_BN.size(0), ids_BN.size(1), latent_.depth});
  }

  at::Tensor codebook_KD() override { return cosine_ ? unit(codebook_KD_) : codebook_KD_; }

 private:
  static at::Tensor unit(const at::Tensor& x_MD) {
    return torch::nn::functional::normalize(x_MD, torch::nn::functional::NormalizeFuncOptions().dim(-1));
  }

  // Vectors and ids of every micro-batch of this step. What is there of another belongs to a step that was left out.
  void keep(const at::Tensor& z_MD, const at::Tensor& ids_M, const StepContext& step) {
    if (step.step != kept_of_step_) {
      kept_.clear();
      kept_ids_.clear();
      kept_of_step_ = step.step;
    }
    kept_.push_back(z_MD);
    kept_ids_.push_back(ids_M);
  }

  // Dead codes move onto distinct random vectors and count as used at the threshold: one that wins no share at the next step is
  // moved again.
  void revive(const at::Tensor& z_MD, const StepContext& step) {
    auto threshold = options_.revival_threshold * count_K_.mean();
    auto dead = (count_K_ < threshold).nonzero().squeeze(1);
    dead = dead.slice(0, 0, z_MD.size(0));
    host_.metric("revived", static_cast<double>(dead.numel()));
    if (dead.numel() == 0) return;
    auto rows = step.noise.permutation(z_MD.size(0), "revival").slice(0, 0, dead.numel()).to(z_MD.device());
    auto vectors = z_MD.index_select(0, rows);
    codebook_KD_.index_copy_(0, dead, vectors);
    count_K_.index_fill_(0, dead, threshold);
    if (ema_) sum_KD_.index_copy_(0, dead, vectors * threshold);
  }

  Options options_;
  Host& host_;
  Grid latent_;
  bool ema_, cosine_;
  at::Tensor codebook_KD_, count_K_, sum_KD_;
  std::vector<at::Tensor> kept_, kept_ids_;
  int64_t kept_of_step_ = -1;
};

}  // namespace

TESSERA_EXPORT(
    Quantizer, Vq, "vq",
    {.version = "1.1", .revision = 2, .summary = "Vector quantization, codebook by moving averages or gradient", .paper = "1711.00937"})

}  // namespace tessera
