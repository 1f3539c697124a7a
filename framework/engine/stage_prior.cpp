// Trains a prior on token sequences. Policy that is the same for every prior is here: views, label dropout, validation.
#include <fmt/format.h>

#include "data/data_set.hpp"
#include "engine/global_state.hpp"
#include "engine/likelihood.hpp"
#include "engine/requests.hpp"
#include "engine/stages.hpp"
#include "engine/token_file.hpp"
#include "engine/trainer.hpp"

namespace tessera {

namespace {

class PriorTask : public TrainTask {
 public:
  PriorTask(std::shared_ptr<Prior> prior, const TokenSet& tokens, const TrainOptions& options, at::Device device)
      : prior_(std::move(prior)), tokens_(tokens), options_(options), device_(device) {}

  torch::nn::Module& module() override { return *prior_; }
  int64_t rows() const override { return tokens_.train_ids_VMN.size(1); }

  Result micro_batch(const at::Tensor& rows_B, const StepContext& step) override {
    // One view a row, drawn anew each time.
    auto views = (step.noise.uniform({rows_B.size(0)}, "view") * static_cast<double>(tokens_.train_ids_VMN.size(0))).to(torch::kLong);
    TokenBatch batch;
    batch.ids_BN = tokens_.train_ids_VMN.index({views, rows_B}).to(torch::kLong);
    batch.index_B = rows_B;
    batch.condition.label_B = tokens_.train_labels_M.index_select(0, rows_B);
    if (tokens_.classes > 0) batch.condition.label_B = drop_labels(batch.condition.label_B, options_.label_dropout, step.noise);
    batch.ids_BN = batch.ids_BN.to(device_);
    batch.index_B = batch.index_B.to(device_);
    batch.condition.label_B = batch.condition.label_B.to(device_);
    GlobalState state;
    auto loss = prior_->loss(batch, step);
    state.expect_unchanged("the prior");
    if (!(loss.weight > 0)) throw std::runtime_error("the prior's loss scored no token");
    return {loss.total, loss.weight, loss.parts};
  }

  std::map<std::string, double> validate() override {
    auto ids_MN = tokens_.validation_ids_VMN[0];
    auto nats_M = prior_->order().any_order()
                      ? order_agnostic_nats(*prior_, tokens_.layout, ids_MN, tokens_.validation_labels_M, options_.batch, 4)
                      : exact_nats(*prior_, tokens_.layout, ids_MN, tokens_.validation_labels_M, options_.batch);
    return {{"validation_loss", nats_M.mean().item<double>() / static_cast<double>(tokens_.layout.length())}};
  }

 private:
  std::shared_ptr<Prior> prior_;
  const TokenSet& tokens_;
  TrainOptions options_;
  at::Device device_;
};

}  // namespace

std::shared_ptr<Prior> make_prior(PluginFactory& plugins, const PriorSpec& spec, uint64_t seed) {
  torch::manual_seed(Noise(seed, "create").bits("prior"));
  return plugins.prior(spec);
}

std::shared_ptr<Quantizer> frozen_quantizer(Tokenizer& tokenizer) {
  if (tokenizer.quantizers().size() != 1) return nullptr;
  auto quantizer = tokenizer.quantizers()[0];
  quantizer->eval();
  for (auto& parameter : quantizer->parameters()) parameter.requires_grad_(false);
  return quantizer;
}

void compute_prior(StageRun& run, PluginFactory& plugins) {
  auto tokens = load_token_set(run.input("tokens", "tokens.safetensors"));
  auto tokenizer = load_tokenizer(run, plugins);
  auto train = bind_options<TrainOptions>(plugins.section("prior.train"));
  auto prior = make_prior(plugins, {tokens.layout, tokens.classes, frozen_quantizer(*tokenizer)}, run.seed());
  prior->to(run.device());
  PriorTask task(prior, tokens, train, run.device());
  Trainer(task, train, run).train("prior");
  save_state(run.output("prior.safetensors"), module_state(*prior), {{"layout", tokens.layout.describe()}});
}

}  // namespace tessera
