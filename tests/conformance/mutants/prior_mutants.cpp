// A correct tiny prior (causal, or masked where the law asks for it) and as many ways to break it as there are laws: each option
// value is the law that it violates.
#include "nn/schedules.hpp"
#include "nn/sessions.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

int64_t instances = 0;

// Hands everything to a correct session, and spoils what comes back.
class MutantSession : public DecodeSession {
 public:
  MutantSession(std::unique_ptr<DecodeSession> inner, std::string mutant, at::Tensor secret)
      : DecodeSession(inner->order(), inner->layout(), inner->batch(), inner->device()), inner_(std::move(inner)),
        mutant_(std::move(mutant)), secret_(std::move(secret)) {}

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step step) override {
    Cost before = cost_meter();
    auto logits = inner_->logits(positions_BQ, step);
    if (is("cost_counted")) cost_meter() = before;
    if (is("asking_changes_nothing")) logits = logits + 0.01 * static_cast<double>(++questions_);
    if (is("sees_lower_only")) logits = logits + ids_BN().sum(1).view({-1, 1, 1}).to(torch::kFloat);
    if (is("committed_scored_as_absent")) {
      auto own = ids_BN().gather(1, positions_BQ.clamp_min(0)).unsqueeze(-1);
      logits = logits.scatter_add(-1, own.clamp_min(0), (own >= 0).to(torch::kFloat));
    }
    if (is("finite_inside_vocabulary")) logits.select(-1, 0).fill_(-std::numeric_limits<float>::infinity());
    if (is("rows_independent")) logits = logits + logits.clamp_min(-100).mean(0, true);
    if (is("batch_size_free")) logits = logits * static_cast<double>(batch());
    if (is("state_in_dictionary")) logits = logits * secret_;
    return logits;
  }
  void do_commit(const at::Tensor& positions_BQ, const at::Tensor& ids_BQ) override {
    inner_->commit(positions_BQ, is("sees_committed") ? torch::zeros_like(ids_BQ) : ids_BQ);
    if (is("keeps_committed")) ids_BN().select(1, 0).fill_(0);
  }

 private:
  bool is(const char* law) const { return mutant_ == law; }
  std::unique_ptr<DecodeSession> inner_;
  std::string mutant_;
  at::Tensor secret_;
  int64_t questions_ = 0;
};

class PriorMutants : public Prior {
 public:
  struct Options {
    std::string mutant = "none";
    template <class Visitor>
    void visit(Visitor& v) {
      v("mutant", mutant, "The law to break.", Effect::architecture,
        one_of({"none",
                "order_fits",
                "asking_changes_nothing",
                "sees_lower_only",
                "sees_committed",
                "committed_scored_as_absent",
                "keeps_committed",
                "finite_inside_vocabulary",
                "rows_independent",
                "batch_size_free",
                "label_stays_in_row",
                "label_matters",
                "null_label_is_its_own",
                "cost_counted",
                "smallest_layout",
                "weight_counts_tokens",
                "planes_normalised",
                "loss_is_teacher_forcing",
                "loss_repeatable",
                "causal_leak",
                "visible_not_scored",
                "learns",
                "ratio_per_sample",
                "starts_near_uniform",
                "every_parameter_used",
                "state_in_dictionary",
                "created_from_seed",
                "global_state_kept"}));
    }
  };

  PriorMutants(const Options& options, const PriorSpec& spec, Host&) : mutant_(options.mutant) {
    masked_ = is("visible_not_scored") || is("ratio_per_sample");
    if (is("smallest_layout") && spec.layout.length() == 1) throw OptionError("", "one position");
    auto layout = spec.layout;
    network_ =
        register_module("network", std::make_shared<Transformer>(TransformerOptions{32, 1, 2, 0.0, "learned"}, layout, spec.classes,
                                                                 masked_ ? Transformer::Sight::bidirectional : Transformer::Sight::causal));
    if (is("every_parameter_used")) register_parameter("unused", torch::zeros({3}));
    secret_ = torch::rand({1}) + 0.5;
    torch::NoGradGuard no_grad;
    if (is("created_from_seed")) network_->parameters()[0].add_(static_cast<double>(++instances));
    if (is("starts_near_uniform"))
      for (auto& parameter : network_->parameters()) parameter.mul_(40);
  }

  Order order() const override {
    if (masked_) return Order::any(network_->layout().length());
    Order order;
    order.rank_N = network_->ranks();
    order.sees_rank = true;
    if (is("order_fits")) ++*std::max_element(order.rank_N.begin(), order.rank_N.end());
    return order;
  }

  Loss loss(const TokenBatch& batch, const StepContext& step) override {
    if (masked_) return masked_loss(batch, step);
    int64_t rows = batch.ids_BN.size(0), slots = batch.ids_BN.size(1);
    auto position_N = torch::tensor(network_->slots(), torch::kLong);
    auto input = batch.ids_BN, label = seen_label(batch.condition.label_B);
    auto target = batch.ids_BN.index_select(1, position_N);
    if (is("causal_leak")) input = batch.ids_BN.roll(-1, 1);  // not shifted: slot s holds the token that it predicts
    if (is("learns")) target = target.roll(1, 0);
    auto hidden = network_->causal(input, label, 0, slots).flatten(0, 1);
    auto scored = network_->score(hidden, target.flatten(), position_N.repeat({rows}), is("loss_is_teacher_forcing") ? 0.3 : 0.0);
    if (is("global_state_kept")) torch::manual_seed(1);
    if (is("loss_repeatable")) scored.total = scored.total * (1 + 0.1 * torch::rand({}));
    if (is("planes_normalised"))
      scored.total =
          static_cast<double>(rows * slots) * std::log(static_cast<double>(network_->layout().max_vocabulary())) + 0 * scored.total;
    return {scored.total, static_cast<double>(is("weight_counts_tokens") ? rows : rows * slots), {}};
  }

  std::unique_ptr<DecodeSession> open(const Condition& condition) override {
    Condition seen{seen_label(condition.label_B)};
    std::unique_ptr<DecodeSession> inner;
    if (masked_)
      inner = std::make_unique<MaskedSession>(*network_, seen);
    else
      inner = std::make_unique<CausalSession>(*network_, order(), seen);
    return std::make_unique<MutantSession>(std::move(inner), mutant_, secret_);
  }

 private:
  bool is(const char* law) const { return mutant_ == law; }

  at::Tensor seen_label(const at::Tensor& label_B) const {
    if (is("label_stays_in_row")) return label_B.roll(1, 0);
    if (is("label_matters")) return torch::full_like(label_B, -1);
    if (is("null_label_is_its_own")) return label_B.clamp_min(0);
    return label_B;
  }

  Loss masked_loss(const TokenBatch& batch, const StepContext& step) {
    int64_t rows = batch.ids_BN.size(0), positions = batch.ids_BN.size(1);
    auto ratio = step.noise.uniform({is("ratio_per_sample") ? 1 : rows, 1}, "ratio");
    auto masked = step.noise.uniform({rows, positions}, "mask") < ratio;
    masked.select(1, 0).fill_(true);
    auto scored_M = is("visible_not_scored") ? torch::arange(rows * positions) : masked.flatten().nonzero().squeeze(1);
    auto hidden = network_->bidirectional(batch.ids_BN.masked_fill(masked, -1), batch.condition.label_B).flatten(0, 1);
    auto scored = network_->score(hidden.index_select(0, scored_M), batch.ids_BN.flatten().index_select(0, scored_M),
                                  scored_M.remainder(positions), 0.0);
    return {scored.total, static_cast<double>(scored_M.size(0)), {}};
  }

  std::string mutant_;
  bool masked_ = false;
  std::shared_ptr<Transformer> network_;
  at::Tensor secret_;
};

}  // namespace

TESSERA_EXPORT(Prior, PriorMutants, "prior_mutants", {.version = "1.0", .revision = 1, .summary = "Breaks one law at a time"})

}  // namespace tessera
