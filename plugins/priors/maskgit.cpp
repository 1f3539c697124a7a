// MaskGIT: a bidirectional transformer that predicts masked ids from visible ones (2202.04200). For each *sample* a ratio r is
// drawn and exactly ceil(gamma(r) N) positions are masked; cross entropy on those alone. The network is gpt's, plus a mask
// embedding. The surprising choice: the loss is a sum, so samples with many masked tokens weigh more, as in the paper's code.
#include "nn/schedules.hpp"
#include "nn/sessions.hpp"
#include "nn/transformer_options.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class MaskGit : public Prior {
 public:
  struct Options {
    TransformerOptions network;
    double label_smoothing = 0.1;
    std::string mask_schedule = "cosine";
    template <class Visitor>
    void visit(Visitor& v) {
      visit_transformer(v, network);
      v("label_smoothing", label_smoothing, "Share of the target spread evenly over the vocabulary.", Effect::training, range(0, 0.9));
      v("mask_schedule", mask_schedule, "Fraction masked in training, as a function of r ~ U(0, 1).", Effect::training,
        one_of(MaskSchedule::names()));
    }
  };

  MaskGit(const Options& options, const PriorSpec& spec, Host&)
      : label_smoothing_(options.label_smoothing), schedule_(options.mask_schedule),
        network_(register_module(
            "network", std::make_shared<Transformer>(options.network, spec.layout, spec.classes, Transformer::Sight::bidirectional))) {}

  Order order() const override { return Order::any(network_->layout().length()); }

  Loss loss(const TokenBatch& batch, const StepContext& step) override {
    int64_t rows = batch.ids_BN.size(0), positions = batch.ids_BN.size(1);
    auto device = batch.ids_BN.device();

    // Mask an exact number of positions a row, chosen evenly without replacement: those of the lowest random numbers.
    auto ratio_B = step.noise.uniform({rows}, "mask ratio");
    auto shuffled_BN = step.noise.uniform({rows, positions}, "mask positions").argsort(/*stable=*/true, 1);
    auto masked_BN = torch::zeros({rows, positions}, torch::kBool);
    for (int64_t row = 0; row < rows; ++row) {
      int64_t count = schedule_.masked_in_training(ratio_B[row].item<float>(), positions);
      masked_BN[row].index_fill_(0, shuffled_BN[row].narrow(0, 0, count), true);
    }
    auto scored_M = masked_BN.flatten().nonzero().squeeze(1);  // on the CPU: the device need not wait

    // Predict them from the rest.
    auto hidden_BND = network_->bidirectional(batch.ids_BN.masked_fill(masked_BN.to(device), -1), batch.condition.label_B);
    auto index_M = scored_M.to(device);
    auto scored = network_->score(hidden_BND.flatten(0, 1).index_select(0, index_M), batch.ids_BN.flatten().index_select(0, index_M),
                                  scored_M.remainder(positions), label_smoothing_);
    auto weight = static_cast<double>(scored_M.size(0));
    return {
        scored.total, weight, {{"nll", scored.nll / weight}, {"masked", torch::tensor(weight / static_cast<double>(rows * positions))}}};
  }

  std::unique_ptr<DecodeSession> open(const Condition& condition) override { return std::make_unique<MaskedSession>(*network_, condition); }

 private:
  double label_smoothing_;
  MaskSchedule schedule_;
  std::shared_ptr<Transformer> network_;
};

}  // namespace

TESSERA_EXPORT(Prior, MaskGit, "maskgit",
               {.version = "1.0", .revision = 1, .summary = "Bidirectional transformer on masked ids, any order", .paper = "2202.04200"})

}  // namespace tessera
