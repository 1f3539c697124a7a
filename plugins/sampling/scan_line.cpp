// Scan line: one rank after another, as the prior's order says. On a causal prior that is raster order with a cache, on a prior
// of equal ranks that do not see each other (next-scale) a whole scale at once, on a masked prior one position at a time.
// Every strategy step is one question; positions that are known already are not asked, and do not count as steps.
#include <map>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class ScanLine : public SamplingStrategy {
 public:
  struct Options {
    template <class Visitor>
    void visit(Visitor&) {}
  };
  ScanLine(const Options&, const SamplingSpec&, Host&) {}

  Needs needs(const TokenLayout&) const override { return {}; }

  void sample(DecodeSession& session, SamplingContext& context) override {
    auto plan = questions(session);
    for (size_t step = 0; step < plan.size(); ++step) {
      auto positions_BQ = session.ranked() ? plan[step] : plan[step].to(session.device());
      Step now{static_cast<int64_t>(step), static_cast<int64_t>(plan.size())};
      auto draw = context.draw(session.logits(positions_BQ, now), positions_BQ, now);
      session.commit(positions_BQ, draw.ids_BQ);
    }
  }

 private:
  // Positions to ask for together, B x Q on the CPU, -1 where a row knows its token already.
  static std::vector<at::Tensor> questions(const DecodeSession& session) {
    const Order& order = session.order();
    std::map<int64_t, std::vector<int64_t>> by_rank;
    for (size_t position = 0; position < order.rank_N.size(); ++position)
      by_rank[order.rank_N[position]].push_back(static_cast<int64_t>(position));

    std::vector<at::Tensor> plan;
    auto known_BN = session.ids_BN().cpu() >= 0;
    auto ask = [&](const std::vector<int64_t>& positions) {
      auto positions_Q = torch::tensor(positions, torch::kLong);
      auto positions_BQ = torch::where(known_BN.index_select(1, positions_Q), -1, positions_Q);
      if ((positions_BQ >= 0).any().item<bool>()) plan.push_back(positions_BQ);
    };
    for (const auto& rank : by_rank) {
      // Positions that condition each other are drawn one at a time.
      if (!order.sees_rank) ask(rank.second);
      if (order.sees_rank)
        for (int64_t position : rank.second) ask({position});
    }
    return plan;
  }
};

}  // namespace

TESSERA_EXPORT(SamplingStrategy, ScanLine, "scan_line",
               {.version = "1.0", .revision = 1, .summary = "One rank after another, in the prior's own order", .paper = ""})

}  // namespace tessera
