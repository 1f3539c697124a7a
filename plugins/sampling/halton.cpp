// Halton: positions in a low-discrepancy order, so that those drawn together lie far apart and are nearly independent
// (2503.17076). What is committed stays: the reference code redraws committed tokens, against its paper. Known tokens leave the
// order, and counts are taken anew from what is undecided. Several planes follow each other, each in its own Halton order. What
// the order itself is worth is seen against a random one, new for each sample, and against the raster.
#include <algorithm>
#include <numeric>

#include "nn/halton.hpp"
#include "nn/schedules.hpp"
#include "tessera/plugin.hpp"

namespace tessera {
namespace {

class Halton : public SamplingStrategy {
 public:
  struct Options {
    int64_t steps = 32;
    std::string schedule = "arccos";
    std::string order = "halton";
    bool randomise = false;
    template <class Visitor>
    void visit(Visitor& v) {
      v("steps", steps, "Steps T; each asks the network once.", Effect::inference, range(1, 1 << 20));
      v("schedule", schedule, "Fraction still masked, as a function of progress.", Effect::inference, one_of(MaskSchedule::names()));
      v("order", order, "Which cells go together: far apart, at random, or neighbours.", Effect::inference,
        one_of({"halton", "random", "raster"}));
      v("randomise", randomise, "Roll the order by a random offset for each sample.", Effect::inference);
    }
  };
  Halton(const Options& options, const SamplingSpec&, Host&) : options_(options), schedule_(options.schedule) {}

  Needs needs(const TokenLayout&) const override { return {.any_order = true, .parallel = true, .spatial = true}; }

  void sample(DecodeSession& session, SamplingContext& context) override {
    auto orders = undecided_orders(session, context);
    for (int64_t index = 0; index < options_.steps; ++index) {
      auto positions_BQ = slice(orders, index, session.batch());
      if (positions_BQ.size(1) == 0) continue;
      Step step{index, options_.steps};
      positions_BQ = positions_BQ.to(session.device());
      session.commit(positions_BQ, context.draw(session.logits(positions_BQ, step), positions_BQ, step).ids_BQ);
    }
  }

 private:
  // Each row's undecided positions in the order in which they are asked.
  std::vector<std::vector<int64_t>> undecided_orders(const DecodeSession& session, const SamplingContext& context) const {
    std::vector<std::vector<int64_t>> planes;
    for (const auto& plane : session.layout().planes()) planes.push_back(order_of(plane));
    auto ids_BN = session.ids_BN().cpu().contiguous();
    auto roll_B = context.uniform("halton roll");
    auto keys_BN = random_keys(session, context);
    std::vector<std::vector<int64_t>> orders(static_cast<size_t>(session.batch()));
    for (int64_t row = 0; row < session.batch(); ++row)
      for (size_t plane = 0; plane < planes.size(); ++plane) {
        size_t cells = planes[plane].size();
        if (options_.order == "random") {
          const float* keys =
              keys_BN.data_ptr<float>() + row * session.layout().length() + session.layout().offset(static_cast<int64_t>(plane));
          std::sort(planes[plane].begin(), planes[plane].end(), [&](int64_t a, int64_t b) { return keys[a] > keys[b]; });
        }
        size_t roll = options_.randomise ? static_cast<size_t>(roll_B[row].item<float>() * static_cast<double>(cells)) : 0;
        for (size_t i = 0; i < cells; ++i) {
          int64_t position = session.layout().offset(static_cast<int64_t>(plane)) + planes[plane][(i + roll) % cells];
          if (ids_BN.data_ptr<int64_t>()[row * session.layout().length() + position] < 0)
            orders[static_cast<size_t>(row)].push_back(position);
        }
      }
    return orders;
  }

  std::vector<int64_t> order_of(const Plane& plane) const {
    if (options_.order == "halton") return halton_order(plane.height, plane.width);
    std::vector<int64_t> raster(static_cast<size_t>(plane.height * plane.width));
    std::iota(raster.begin(), raster.end(), 0);
    return raster;
  }

  // By which a random order is sorted: one number a sample and position, whatever else is in the batch.
  at::Tensor random_keys(const DecodeSession& session, const SamplingContext& context) const {
    if (options_.order != "random") return {};
    auto positions_BQ = torch::arange(session.layout().length()).expand({session.batch(), session.layout().length()}).contiguous();
    return context.gumbel(positions_BQ, "random order", {0, options_.steps}).cpu().contiguous();
  }

  // What step `index` asks: B x Q on the CPU, padded with -1.
  at::Tensor slice(const std::vector<std::vector<int64_t>>& orders, int64_t index, int64_t rows) const {
    auto range_of = [&](const std::vector<int64_t>& order) {
      auto initial = static_cast<int64_t>(order.size());
      int64_t begin = index == 0 ? 0 : schedule_.committed_after(index - 1, options_.steps, initial);
      return std::make_pair(begin, schedule_.committed_after(index, options_.steps, initial));
    };
    int64_t widest = 0;
    for (const auto& order : orders) widest = std::max(widest, range_of(order).second - range_of(order).first);
    auto positions_BQ = torch::full({rows, widest}, -1, torch::kLong);
    for (int64_t row = 0; row < rows; ++row) {
      const auto& order = orders[static_cast<size_t>(row)];
      auto range = range_of(order);
      std::copy(order.begin() + range.first, order.begin() + range.second, positions_BQ.data_ptr<int64_t>() + row * widest);
    }
    return positions_BQ;
  }

  Options options_;
  MaskSchedule schedule_;
};

}  // namespace

TESSERA_EXPORT(SamplingStrategy, Halton, "halton",
               {.version = "1.0", .revision = 1, .summary = "A low-discrepancy order of cells; what is drawn stays", .paper = "2503.17076"})

}  // namespace tessera
