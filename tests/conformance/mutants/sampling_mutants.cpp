// A correct one-position-at-a-time strategy, and twenty ways to break it: each option value is the law that it violates.
#include <algorithm>
#include <numeric>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

int64_t instances = 0;

class SamplingMutants : public SamplingStrategy {
 public:
  struct Options {
    std::string mutant = "none";
    template <class Visitor>
    void visit(Visitor& v) {
      v("mutant", mutant, "The law to break.", Effect::inference,
        one_of({"none",
                "decides_all",
                "keeps_known",
                "idle_when_all_known",
                "commits_what_was_drawn",
                "asks_only_undecided",
                "no_wasted_question",
                "bounded_questions",
                "steps_advance",
                "rows_independent",
                "uneven_rows",
                "repeatable",
                "no_state_between_runs",
                "seed_matters",
                "global_state_kept",
                "several_planes",
                "one_position",
                "no_grid",
                "temperature_zero_is_argmax",
                "respects_top_k",
                "exact_when_sequential"}));
    }
  };
  SamplingMutants(const Options& options, const SamplingSpec&, Host&) : mutant_(options.mutant), instance_(++instances) {}

  Needs needs(const TokenLayout&) const override { return {}; }

  void sample(DecodeSession& session, SamplingContext& context) override {
    ++runs_;
    const auto& layout = session.layout();
    if (is("global_state_kept")) torch::rand({1});
    if (is("no_grid") && !layout.spatial()) throw std::runtime_error("no grid");
    if (is("one_position") && layout.length() == 1) return;

    std::vector<int64_t> order(static_cast<size_t>(is("several_planes") ? layout.planes()[0].positions() : layout.length()));
    std::iota(order.begin(), order.end(), 0);
    const auto& rank = session.order().rank_N;
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return rank[static_cast<size_t>(a)] < rank[static_cast<size_t>(b)]; });
    if (is("decides_all")) order.pop_back();

    auto known_BN = session.ids_BN().clone() >= 0;
    if (is("keeps_known")) known_BN.zero_();
    if (is("uneven_rows")) known_BN = known_BN[0].expand_as(known_BN);
    for (size_t step = 0; step < order.size(); ++step) {
      auto now = is("steps_advance") ? Step{0, 1} : Step{static_cast<int64_t>(step), static_cast<int64_t>(order.size())};
      visit(session, context, order[step], known_BN.select(1, order[step]), now);
    }
  }

 private:
  bool is(const char* law) const { return mutant_ == law; }

  void visit(DecodeSession& session, SamplingContext& context, int64_t position, const at::Tensor& known_B, Step step) {
    auto positions_BQ = torch::where(known_B, -1, position).unsqueeze(1);
    bool idle = (positions_BQ < 0).all().item<bool>();
    if (is("idle_when_all_known") && idle) session.logits(torch::full_like(positions_BQ, position), step);
    if (idle) return;
    auto asked_BQ = is("asks_only_undecided") ? torch::full_like(positions_BQ, position) : positions_BQ;
    auto logits_BQK = session.logits(asked_BQ, step);
    if (is("no_wasted_question")) session.logits(asked_BQ, step);
    if (is("bounded_questions")) {
      session.commit(torch::full_like(positions_BQ, -1), torch::zeros_like(positions_BQ));
      session.logits(positions_BQ, step);
    }
    if (is("exact_when_sequential")) logits_BQK = 1.5 * logits_BQK;
    auto ids_BQ = context.draw(logits_BQK, positions_BQ, step).ids_BQ;
    int64_t vocabulary = session.layout().vocabulary(position);
    if (is("commits_what_was_drawn")) ids_BQ = logits_BQK.argmax(-1);
    if (is("rows_independent")) ids_BQ = (ids_BQ + session.batch()) % vocabulary;
    if (is("repeatable")) ids_BQ = (ids_BQ + instance_) % vocabulary;
    if (is("no_state_between_runs")) ids_BQ = (ids_BQ + runs_) % vocabulary;
    if (is("temperature_zero_is_argmax") || is("respects_top_k"))
      ids_BQ =
          SamplingContext(step.index, torch::arange(session.batch()), session.layout(), {}).draw(logits_BQK, positions_BQ, step).ids_BQ;
    if (is("seed_matters"))
      ids_BQ = SamplingContext(0, torch::zeros({session.batch()}, torch::kLong), session.layout(), {})
                   .draw(logits_BQK, positions_BQ, step)
                   .ids_BQ;
    session.commit(positions_BQ, ids_BQ);
  }

  std::string mutant_;
  int64_t instance_, runs_ = 0;
};

}  // namespace

TESSERA_EXPORT(SamplingStrategy, SamplingMutants, "sampling_mutants",
               {.version = "1.0", .revision = 1, .summary = "Breaks one law at a time"})

}  // namespace tessera
