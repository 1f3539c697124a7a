// Answers one entry of sampling.requests: ids, when each token was committed, log-probability, images.
#include <fmt/format.h>

#include "core/files.hpp"
#include "core/png.hpp"
#include "data/batch.hpp"
#include "engine/requests.hpp"
#include "engine/sampler.hpp"
#include "engine/stages.hpp"
#include "engine/token_file.hpp"

namespace tessera {

namespace {

constexpr int64_t kPreviews = 64;

std::string preview_png(const at::Tensor& image_CHW) {
  auto pixels = image_CHW.permute({1, 2, 0}).contiguous();
  Image8 image{pixels.size(0), pixels.size(1), pixels.size(2), {}};
  image.pixels.assign(pixels.data_ptr<uint8_t>(), pixels.data_ptr<uint8_t>() + pixels.numel());
  return base64_encode(encode_png(image));
}

void journal_previews(StageRun& run, const NamedTensors& outputs) {
  const auto &ids = outputs[0].second, &steps = outputs[1].second, &logp = outputs[2].second, &images = outputs[3].second,
             &labels = outputs[4].second;
  auto list = [](const at::Tensor& row) {
    auto values = row.to(torch::kLong).contiguous();
    return std::vector<int64_t>(values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel());
  };
  for (int64_t i = 0; i < std::min(kPreviews, ids.size(0)); ++i)
    run.sample({{"i", i},
                {"noise_seed", run.seed()},
                {"label", labels[i].item<int64_t>()},
                {"ids", list(ids[i])},
                {"commit", list(steps[i])},
                {"logp", encode_number(logp[i].item<double>())},
                {"png", preview_png(images[i])}});
}

}  // namespace

void compute_samples(StageRun& run, PluginFactory& plugins) {
  auto tokens = load_token_set(run.input("tokens", "tokens.safetensors"));
  auto tokenizer = load_tokenizer(run, plugins);
  auto weights = load_tensors(run.input("prior", "prior.safetensors"));
  auto prior = make_prior(plugins, {tokens.layout, tokens.classes, frozen_quantizer(*tokenizer)}, 0);
  load_state(*prior, weights);
  prior->to(run.device());
  auto strategy = plugins.sampling();
  auto options = bind_options<SamplingOptions>(plugins.section("sampling"));

  SampleRequest request;
  request.seed = run.seed();
  request.tile = options.tile;
  request.logits = bind_options<LogitsOptions>(plugins.section("sampling.logits"));
  auto mask_N = known_mask_N(run.spec().at("request"), tokens.layout, run.seed());
  request.labels_of = [&](const at::Tensor& sample_B) {
    return sample_labels(options.labels, tokens.train_labels_M, tokens.classes, sample_B, run.seed());
  };
  request.known_of = [&](const at::Tensor& sample_B) {
    auto ids_BN = tokens.validation_ids_VMN[0].index_select(0, sample_B % tokens.validation_ids_VMN.size(1)).to(torch::kLong);
    return torch::where(mask_N, ids_BN, -1);
  };

  auto begin = std::chrono::steady_clock::now();
  std::vector<at::Tensor> ids, steps, logp, labels, images;
  Cost cost;
  int64_t tiles = (options.count + options.tile - 1) / options.tile;
  for (int64_t index = 0; index < tiles; ++index) {
    run.check_cancelled();
    auto tile = sample_tile(*prior, *strategy, tokens.layout, request, index);
    ids.push_back(tile.ids_BN);
    steps.push_back(tile.commit_step_BN);
    logp.push_back(tile.logp_B);
    labels.push_back(tile.label_B);
    images.push_back(to_bytes(tokenizer->decode(tile.ids_BN.to(run.device())).to(torch::kCPU)));
    cost += tile.cost;
    run.progress((index + 1) * options.tile, tiles * options.tile, {}, index + 1 == tiles);
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  auto first = [&](const std::vector<at::Tensor>& parts) { return torch::cat(parts).slice(0, 0, options.count).contiguous(); };
  NamedTensors outputs{{"ids", first(ids).to(torch::kInt)},
                       {"commit_step", first(steps)},
                       {"logp", first(logp)},
                       {"images", first(images)},
                       {"labels", first(labels)}};
  journal_previews(run, outputs);
  save_state(run.output("samples.safetensors"), outputs, {{"request", run.spec().at("request").get<std::string>()}});
  SamplesEvidence evidence;
  evidence.cost = cost;
  evidence.seconds = seconds;
  evidence.tiles = tiles;
  evidence.rows = tiles * options.tile;
  run.scores("samples", measure_cost(evidence));
}

}  // namespace tessera
