// GPT: a causal transformer over ids in raster order (ImageGPT, Chen et al. 2020), cell by cell where several planes share a
// grid. The input is shifted by the condition token, so no token ever sees itself. Exact likelihood, decoded with a KV cache.
#include "nn/sessions.hpp"
#include "nn/transformer_options.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class Gpt : public Prior {
 public:
  struct Options {
    TransformerOptions network;
    double label_smoothing = 0.0;
    template <class Visitor>
    void visit(Visitor& v) {
      visit_transformer(v, network);
      v("label_smoothing", label_smoothing, "Share of the target spread evenly over the vocabulary.", Effect::training, range(0, 0.9));
    }
  };

  Gpt(const Options& options, const PriorSpec& spec, Host&)
      : label_smoothing_(options.label_smoothing),
        network_(register_module("network",
                                 std::make_shared<Transformer>(options.network, spec.layout, spec.classes, Transformer::Sight::causal))) {}

  Order order() const override {
    Order order;
    order.rank_N = network_->ranks();
    order.sees_rank = true;
    return order;
  }

  Loss loss(const TokenBatch& batch, const StepContext&) override {
    int64_t rows = batch.ids_BN.size(0), slots = batch.ids_BN.size(1);
    auto hidden_BTD = network_->causal(batch.ids_BN, batch.condition.label_B, 0, slots);

    // Slot s is scored on the token of the position that it predicts.
    auto position_N = torch::tensor(network_->slots(), torch::kLong);
    auto ids_BN = batch.ids_BN.index_select(1, position_N.to(batch.ids_BN.device()));
    auto scored = network_->score(hidden_BTD.flatten(0, 1), ids_BN.flatten(), position_N.repeat({rows}), label_smoothing_);
    double weight = static_cast<double>(rows * slots);
    return {scored.total, weight, {{"nll", scored.nll / weight}}};
  }

  std::unique_ptr<DecodeSession> open(const Condition& condition) override {
    return std::make_unique<CausalSession>(*network_, order(), condition);
  }

 private:
  double label_smoothing_;
  std::shared_ptr<Transformer> network_;
};

}  // namespace

TESSERA_EXPORT(Prior, Gpt, "gpt",
               {.version = "1.1", .revision = 2, .summary = "Causal transformer, exact likelihood, KV cache", .paper = ""})

}  // namespace tessera
