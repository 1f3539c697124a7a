// One evaluation a subject: tokenizer, prior, samples, or calibration (real data in the place of samples). The engine gathers the
// evidence; what is measured is the metrics' affair.
#include <fmt/format.h>

#include "core/error.hpp"
#include "data/batch.hpp"
#include "data/data_set.hpp"
#include "engine/likelihood.hpp"
#include "engine/options.hpp"
#include "engine/requests.hpp"
#include "engine/stages.hpp"
#include "engine/token_file.hpp"

namespace tessera {

namespace {

constexpr int64_t kReconstructions = 64;

void evaluate_tokenizer(StageRun& run, PluginFactory& plugins, const EvaluateOptions& options) {
  auto data = load_data_set(run.input("data", "images.safetensors"));
  auto tokenizer = load_tokenizer(run, plugins);
  TokenizerEvidence evidence;
  evidence.images_MCHW = data.validation.images_MCHW;
  evidence.layout = tokenizer->layout();
  std::vector<at::Tensor> images, ids;
  for (int64_t begin = 0; begin < data.validation.size(); begin += options.batch) {
    run.beat();
    auto rows = torch::arange(begin, std::min(begin + options.batch, data.validation.size()), torch::kLong);
    auto ids_BN = tokenizer->encode(gather_images(data.validation, rows).to(run.device()));
    images.push_back(tokenizer->decode(ids_BN).to(torch::kCPU));
    ids.push_back(ids_BN.to(torch::kCPU));
  }
  evidence.reconstruction_MCHW = torch::cat(images);
  evidence.ids_MN = torch::cat(ids);
  run.scores("tokenizer", measure_tokenizer(evidence));
  save_tensors(run.output("reconstructions.safetensors"),
               {{"originals", data.validation.images_MCHW.slice(0, 0, kReconstructions)},
                {"images", to_bytes(evidence.reconstruction_MCHW.slice(0, 0, kReconstructions))}},
               {});
}

void evaluate_prior(StageRun& run, PluginFactory& plugins, const EvaluateOptions& options) {
  auto tokens = load_token_set(run.input("tokens", "tokens.safetensors"));
  auto tokenizer = load_tokenizer(run, plugins);
  auto weights = load_tensors(run.input("prior", "prior.safetensors"));
  auto prior = make_prior(plugins, {tokens.layout, tokens.classes, frozen_quantizer(*tokenizer)}, 0);
  load_state(*prior, weights);
  prior->to(run.device());

  bool any_order = prior->order().any_order();
  auto beat = [&] { run.beat(); };
  auto nats = [&](const at::Tensor& ids_MN, const at::Tensor& labels_M) {
    return any_order ? order_agnostic_nats(*prior, tokens.layout, ids_MN, labels_M, options.batch, options.bound_grid, beat)
                     : exact_nats(*prior, tokens.layout, ids_MN, labels_M, options.batch, beat);
  };
  PriorEvidence evidence;
  evidence.layout = tokens.layout;
  evidence.train_ids_MN = tokens.train_ids_VMN[0];
  evidence.validation_ids_MN = tokens.validation_ids_VMN[0];
  evidence.nats_M = nats(evidence.validation_ids_MN, tokens.validation_labels_M);
  // As many training images as validation has, evenly spread: the gap between the two is memorisation.
  int64_t rows = std::min(evidence.train_ids_MN.size(0), evidence.validation_ids_MN.size(0));
  auto subset = (torch::arange(rows, torch::kLong) * evidence.train_ids_MN.size(0)).div(rows, "floor");
  evidence.train_nats_M = nats(evidence.train_ids_MN.index_select(0, subset), tokens.train_labels_M.index_select(0, subset));
  if (any_order && options.scan_line_rows > 0) {
    int64_t n = std::min(options.scan_line_rows, evidence.validation_ids_MN.size(0));
    evidence.scan_line_nats_M = scan_line_nats(*prior, tokens.layout, evidence.validation_ids_MN.slice(0, 0, n),
                                               tokens.validation_labels_M.slice(0, 0, n), options.batch, beat);
  }
  run.scores("prior", measure_prior(evidence));
}

// The reference of all distribution metrics, and the tokenizer that decodes calibration rows.
struct Reference {
  DataSet data;
  TokenSet tokens;
  std::shared_ptr<Tokenizer> tokenizer;
  ReferenceEvidence evidence;
};

Reference load_reference(StageRun& run, PluginFactory& plugins) {
  Reference reference;
  reference.data = load_data_set(run.input("data", "images.safetensors"));
  reference.tokens = load_token_set(run.input("tokens", "tokens.safetensors"));
  reference.tokenizer = load_tokenizer(run, plugins);
  auto& evidence = reference.evidence;
  evidence.train_images_MCHW = reference.data.train.images_MCHW;
  evidence.validation_images_MCHW = reference.data.validation.images_MCHW;
  evidence.train_ids_MN = reference.tokens.train_ids_VMN[0];
  evidence.validation_ids_MN = reference.tokens.validation_ids_VMN[0];
  evidence.layout = reference.tokens.layout;
  torch::NoGradGuard no_grad;
  for (auto& quantizer : reference.tokenizer->quantizers()) {
    auto codes_KD = quantizer->codebook_KD();
    // One entry a plane; a quantizer of several planes shares its codebook among them.
    size_t planes = evidence.layout.planes().size() / reference.tokenizer->quantizers().size();
    for (size_t i = 0; i < planes; ++i) evidence.codes_KD.push_back(codes_KD.defined() ? codes_KD.to(torch::kCPU) : codes_KD);
  }
  return reference;
}

void evaluate_samples(StageRun& run, PluginFactory& plugins) {
  auto reference = load_reference(run, plugins);
  auto file = load_tensors(run.input("samples", "samples.safetensors"));
  SamplesEvidence evidence;
  evidence.images_MCHW = file.at("images");
  evidence.ids_MN = file.at("ids");
  // Sample i was given tokens of validation image i, from the first again after the last.
  if (known_mask_N(run.spec().at("request"), reference.tokens.layout, 0).any().item<bool>())
    evidence.originals_MCHW = reference.evidence.validation_images_MCHW.index_select(
        0, torch::arange(evidence.images_MCHW.size(0), torch::kLong) % reference.evidence.validation_images_MCHW.size(0));
  AtWork at_work;
  run.scores("samples", measure_samples(evidence, reference.evidence));
}

void evaluate_calibration(StageRun& run, PluginFactory& plugins, const EvaluateOptions& options) {
  auto reference = load_reference(run, plugins);
  auto sampling = bind_options<SamplingOptions>(plugins.section("sampling"));
  auto rows = calibration_rows(reference.evidence, sampling.count);
  auto decode = [&](const at::Tensor& ids_MN) {
    std::vector<at::Tensor> images;
    for (const auto& ids : ids_MN.to(torch::kLong).split(options.batch)) {
      images.push_back(to_bytes(reference.tokenizer->decode(ids.to(run.device())).to(torch::kCPU)));
      run.beat();
    }
    return torch::cat(images);
  };
  auto images = decode(rows.ids_MN), shuffled = decode(rows.shuffled_ids_MN);
  AtWork at_work;
  run.scores("calibration", measure_calibration(rows, images, shuffled, reference.evidence));
}

}  // namespace

void compute_evaluation(StageRun& run, PluginFactory& plugins) {
  auto options = bind_options<EvaluateOptions>(plugins.section("evaluate"));
  std::string subject = run.spec().at("subject");
  if (subject == "tokenizer") return evaluate_tokenizer(run, plugins, options);
  if (subject == "prior") return evaluate_prior(run, plugins, options);
  if (subject == "samples") return evaluate_samples(run, plugins);
  if (subject == "calibration") return evaluate_calibration(run, plugins, options);
  throw Error(ExitCode::bad_config, fmt::format("evaluation of '{}', expected tokenizer, prior, samples or calibration", subject));
}

}  // namespace tessera
