// Iterative masking: ask for all undecided positions, draw, keep the most confident, as many as the schedule says (2202.04200).
// Counts are per row and exact: positions are ranked, so ties cannot commit too many, and of equal confidence the lower index
// stays. Confidence is the raw log-probability of the drawn id by default: under the filtered distribution it says nothing at
// temperature 0 or top_k 1.
#include "nn/schedules.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class IterativeMasking : public SamplingStrategy {
 public:
  struct Options {
    int64_t steps = 8;
    std::string schedule = "cosine";
    double choice_temperature = 4.5;
    std::string confidence = "raw";
    template <class Visitor>
    void visit(Visitor& v) {
      v("steps", steps, "Steps T; each asks the network once.", Effect::inference, range(1, 1 << 20));
      v("schedule", schedule, "Fraction still masked, as a function of progress.", Effect::inference, one_of(MaskSchedule::names()));
      v("choice_temperature", choice_temperature, "Gumbel noise on the confidence, falling linearly to 0 at the last step.",
        Effect::inference, at_least(0));
      v("confidence", confidence, "Log-probability of the drawn id under the raw logits, or under the distribution it was drawn from.",
        Effect::inference, one_of({"raw", "sampled"}));
    }
  };
  IterativeMasking(const Options& options, const SamplingSpec&, Host&) : options_(options), schedule_(options.schedule) {}

  Needs needs(const TokenLayout&) const override { return {.any_order = true, .parallel = true}; }

  void sample(DecodeSession& session, SamplingContext& context) override {
    // How many are masked in each row is known beforehand: no step waits for the device.
    auto counts = (session.ids_BN() < 0).sum(1).cpu();
    std::vector<int64_t> initial(counts.data_ptr<int64_t>(), counts.data_ptr<int64_t>() + counts.numel()), masked = initial;
    for (int64_t index = 0; index < options_.steps; ++index) {
      int64_t widest = masked.empty() ? 0 : *std::max_element(masked.begin(), masked.end());
      if (widest == 0) return;
      Step step{index, options_.steps};
      auto positions_BQ = undecided(session, masked, widest);
      auto draw = context.draw(session.logits(positions_BQ, step), positions_BQ, step);

      // Confidence of each draw; padding comes last.
      auto confidence_BQ = options_.confidence == "raw" ? draw.raw_logp_BQ : draw.logp_BQ;
      double remaining = 1.0 - static_cast<double>(index + 1) / static_cast<double>(options_.steps);
      if (double noise = options_.choice_temperature * remaining; noise > 0)
        confidence_BQ = confidence_BQ + noise * context.gumbel(positions_BQ, "choice", step);
      confidence_BQ = confidence_BQ.masked_fill(positions_BQ < 0, -std::numeric_limits<float>::infinity());

      // Keep as many of the best as the schedule unmasks.
      auto kept_B1 = torch::empty({session.batch(), 1}, torch::kLong);
      for (size_t row = 0; row < masked.size(); ++row) {
        int64_t left = schedule_.masked_after(index, options_.steps, initial[row], masked[row]);
        kept_B1[static_cast<int64_t>(row)][0] = masked[row] - left;
        masked[row] = left;
      }
      auto best_BQ = confidence_BQ.argsort(/*stable=*/true, 1, /*descending=*/true);
      auto rank_Q = torch::arange(widest, positions_BQ.options());
      auto keep_BQ = torch::zeros_like(best_BQ, torch::kBool).scatter(1, best_BQ, rank_Q < kept_B1.to(session.device()));
      session.commit(positions_BQ.masked_fill(~keep_BQ, -1), draw.ids_BQ);
    }
  }

 private:
  // Undecided positions of each row in index order, padded with -1 to the widest row.
  static at::Tensor undecided(const DecodeSession& session, const std::vector<int64_t>& masked, int64_t widest) {
    auto first_BQ = (session.ids_BN() < 0).to(torch::kInt).argsort(/*stable=*/true, 1, /*descending=*/true).narrow(1, 0, widest);
    auto count_B1 = torch::tensor(masked, torch::kLong).unsqueeze(1).to(session.device());
    return first_BQ.masked_fill(torch::arange(widest, first_BQ.options()) >= count_B1, -1);
  }

  Options options_;
  MaskSchedule schedule_;
};

}  // namespace

TESSERA_EXPORT(SamplingStrategy, IterativeMasking, "iterative_masking",
               {.version = "1.0", .revision = 1, .summary = "All undecided at once; the most confident stay", .paper = "2202.04200"})

}  // namespace tessera
