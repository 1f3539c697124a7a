// Laws of sampling strategies, checked on exact tabular sessions: every one that the strategy's needs admit.
#include <fmt/format.h>

#include <boost/math/distributions/chi_squared.hpp>

#include "conformance/suite.hpp"
#include "conformance/tabular_prior.hpp"

namespace tessera {

namespace {

constexpr uint64_t kSeed = 11;

TokenLayout plane(int64_t height, int64_t width, int64_t vocabulary, bool spatial = true) {
  return TokenLayout({{height, width, vocabulary, spatial}});
}

// Two ranks whose positions do not see each other: the next-scale order.
Order two_scales(int64_t positions) {
  Order order;
  for (int64_t n = 0; n < positions; ++n) order.rank_N.push_back(n < positions / 2 ? 0 : 1);
  order.parallel = true;
  return order;
}

struct Setting {
  std::string name;
  TokenLayout layout;
  Order order;
};

// Every kind of session that the strategy says it can run on.
std::vector<Setting> settings(SamplingStrategy& strategy, const TokenLayout& layout) {
  auto needs = strategy.needs(layout);
  if (needs.retract || needs.critic) throw NotApplicable{"the strategy needs retract or critic, which no tabular session has"};
  if (needs.spatial && !layout.spatial()) return {};
  std::vector<Setting> list{{"any order", layout, Order::any(layout.length())}};
  if (needs.any_order) return list;
  if (!needs.parallel) list.push_back({"raster", layout, Order::raster(layout.length())});
  if (layout.length() > 1) list.push_back({"two scales", layout, two_scales(layout.length())});
  return list;
}

at::Tensor nothing_known(int64_t rows, const TokenLayout& layout) { return torch::full({rows, layout.length()}, -1, torch::kLong); }

// Known ids: row r knows a different number of positions, at different places.
at::Tensor uneven_known(int64_t rows, const TokenLayout& layout) {
  auto known = nothing_known(rows, layout);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t n = 0; n < layout.length(); ++n)
      if (row > 0 && (n * 5 + row * 3) % (row + 2) == 0) known[row][n] = (n + row) % layout.vocabulary(n);
  return known;
}

at::Tensor run(SamplingStrategy& strategy, TabularPrior& prior, const at::Tensor& known_BN, const at::Tensor& sample_B,
               DrawOptions options = {}, uint64_t seed = kSeed) {
  torch::NoGradGuard no_grad;
  auto session = prior.open({torch::full({known_BN.size(0)}, -1, torch::kLong)});
  if ((known_BN >= 0).any().item<bool>()) session->commit_known(known_BN);
  prior.calls.clear();
  SamplingContext context(seed, sample_B, prior.layout(), options);
  strategy.sample(*session, context);
  return session->ids_BN().clone();
}

at::Tensor free_run(SamplingStrategy& strategy, TabularPrior& prior, int64_t rows, DrawOptions options = {}, uint64_t seed = kSeed) {
  return run(strategy, prior, nothing_known(rows, prior.layout()), torch::arange(rows), options, seed);
}

std::shared_ptr<SamplingStrategy> strategy_of(const Subject& subject) { return make<SamplingStrategy>(subject, {}); }

// Runs `check` on the sessions of `layout`; its failure text is preceded by the session's name.
template <class Check>
Failure on_sessions(const Subject& subject, const TokenLayout& layout, Check check) {
  auto strategy = strategy_of(subject);
  for (const auto& setting : settings(*strategy, layout)) {
    TabularPrior prior(setting.layout, setting.order);
    if (Failure failure = check(*strategy, prior)) return setting.name + ": " + *failure;
  }
  return {};
}

bool same(const at::Tensor& a, const at::Tensor& b) { return a.equal(b); }

// Upper-tail probability of a chi-square statistic.
double chi_square_p(double statistic, double degrees) {
  return boost::math::cdf(boost::math::complement(boost::math::chi_squared(degrees), statistic));
}

Failure decides_all(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto ids = free_run(strategy, prior, 5);
    if ((ids < 0).any().template item<bool>())
      return fmt::format("{} tokens undecided at return", (ids < 0).sum().template item<int64_t>());
    return {};
  });
}

Failure keeps_known(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto known = uneven_known(5, prior.layout());
    auto ids = run(strategy, prior, known, torch::arange(5));
    if (!same(torch::where(known >= 0, ids, -1), known)) return "a known token was changed";
    return {};
  });
}

Failure idle_when_all_known(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    run(strategy, prior, torch::ones({2, 6}, torch::kLong), torch::arange(2));
    for (const auto& call : prior.calls)
      if (call.what == SessionCall::asked) return "the network was asked though every token was known";
    return {};
  });
}

// Every committed id is the one that the context draws for what was asked just before.
Failure commits_what_was_drawn(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    free_run(strategy, prior, 4);
    SamplingContext replay(kSeed, torch::arange(4), prior.layout(), {});
    auto drawn = nothing_known(4, prior.layout());
    for (const auto& call : prior.calls) {
      auto positions = call.positions_BQ;
      auto padded = torch::where(positions < 0, prior.layout().length(), positions);
      auto wide = torch::cat({drawn, torch::full({4, 1}, -1, torch::kLong)}, 1);
      if (call.what == SessionCall::asked) {
        drawn = wide.scatter(1, padded, replay.draw(call.logits_BQK, positions, call.step).ids_BQ).narrow(1, 0, prior.layout().length());
      } else if (!same(torch::where(positions < 0, 0, wide.gather(1, padded)), torch::where(positions < 0, 0, call.ids_BQ))) {
        return "a committed id is not what the context drew for it";
      }
    }
    return {};
  });
}

Failure asks_only_undecided(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto committed = uneven_known(5, prior.layout()) >= 0;
    run(strategy, prior, uneven_known(5, prior.layout()), torch::arange(5));
    for (const auto& call : prior.calls)
      for (int64_t row = 0; row < 5; ++row)
        for (int64_t q = 0; q < call.positions_BQ.size(1); ++q) {
          int64_t position = call.positions_BQ[row][q].template item<int64_t>();
          if (position < 0) continue;
          if (call.what == SessionCall::committed) committed[row][position] = true;
          if (call.what == SessionCall::asked && committed[row][position].template item<bool>())
            return fmt::format("row {}, position {} was asked though it is decided", row, position);
        }
    return {};
  });
}

Failure no_wasted_question(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    free_run(strategy, prior, 3);
    bool open = false;
    for (const auto& call : prior.calls) {
      if (call.what == SessionCall::asked && open) return "two questions without a commit between them";
      if (call.what == SessionCall::asked) open = true;
      if (call.what == SessionCall::committed && (call.positions_BQ >= 0).any().template item<bool>()) open = false;
    }
    return open ? Failure("the last question was followed by no commit") : Failure();
  });
}

Failure bounded_questions(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    free_run(strategy, prior, 3);
    int64_t questions = 0;
    for (const auto& call : prior.calls) questions += call.what == SessionCall::asked;
    if (questions > prior.layout().length()) return fmt::format("{} questions for {} tokens", questions, prior.layout().length());
    return {};
  });
}

Failure steps_advance(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    free_run(strategy, prior, 3);
    int64_t last = -1, count = -1;
    for (const auto& call : prior.calls) {
      if (call.what != SessionCall::asked) continue;
      if (call.step.index <= last) return fmt::format("step {} after step {}", call.step.index, last);
      if (call.step.index >= call.step.count || (count >= 0 && call.step.count != count))
        return fmt::format("step {} of {}, before it of {}", call.step.index, call.step.count, count);
      last = call.step.index;
      count = call.step.count;
    }
    return {};
  });
}

Failure rows_independent(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto together = free_run(strategy, prior, 6);
    auto alone = run(strategy, prior, nothing_known(1, prior.layout()), torch::full({1}, 2, torch::kLong));
    if (!same(together[2], alone[0])) return "sample 2 differs between a batch of six and a batch of one";
    return {};
  });
}

Failure uneven_rows(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto known = uneven_known(5, prior.layout());
    auto together = run(strategy, prior, known, torch::arange(5));
    for (int64_t row = 0; row < 5; ++row) {
      auto alone = run(strategy, prior, known.narrow(0, row, 1), torch::full({1}, row, torch::kLong));
      if (!same(together[row], alone[0]))
        return fmt::format("row {} of a batch with other masks beside it differs from the row alone", row);
    }
    return {};
  });
}

Failure repeatable(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [&](auto& strategy, auto& prior) -> Failure {
    auto first = free_run(strategy, prior, 6);
    if (!same(first, free_run(*strategy_of(subject), prior, 6))) return "another instance at the same seed gives other ids";
    return {};
  });
}

Failure no_state_between_runs(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto first = free_run(strategy, prior, 6);
    free_run(strategy, prior, 3, {}, kSeed + 1);
    if (!same(first, free_run(strategy, prior, 6))) return "the same instance at the same seed gives other ids the second time";
    return {};
  });
}

Failure seed_matters(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto ids = free_run(strategy, prior, 16);
    if (same(ids, free_run(strategy, prior, 16, {}, kSeed + 1))) return "two seeds give equal ids";
    if (same(ids, ids[0].expand_as(ids))) return "16 samples are all the same";
    return {};
  });
}

Failure global_state_kept(const Subject& subject) {
  return on_sessions(subject, plane(2, 3, 3), [](auto& strategy, auto& prior) -> Failure {
    auto generator = at::globalContext().defaultGenerator(at::kCPU);
    auto before = generator.get_state();
    int threads = at::get_num_threads();
    free_run(strategy, prior, 2);
    if (!generator.get_state().equal(before)) return "torch's default generator was used";
    if (at::get_num_threads() != threads) return "the number of threads was changed";
    return {};
  });
}

Failure several_planes(const Subject& subject) {
  return on_sessions(subject, TokenLayout({{1, 1, 2, true}, {2, 2, 3, true}}), [](auto& strategy, auto& prior) -> Failure {
    auto ids = free_run(strategy, prior, 8);
    if ((ids < 0).any().template item<bool>()) return "tokens of a plane were left undecided";
    return {};
  });
}

Failure one_position(const Subject& subject) {
  return on_sessions(subject, plane(1, 1, 4), [](auto& strategy, auto& prior) -> Failure {
    if ((free_run(strategy, prior, 3) < 0).any().template item<bool>()) return "the one token was left undecided";
    return {};
  });
}

Failure no_grid(const Subject& subject) {
  auto layout = plane(1, 5, 3, false);
  if (strategy_of(subject)->needs(layout).spatial) throw NotApplicable{"the strategy needs a grid, and says so"};
  return on_sessions(subject, layout, [](auto& strategy, auto& prior) -> Failure {
    if ((free_run(strategy, prior, 3) < 0).any().template item<bool>()) return "tokens without a grid were left undecided";
    return {};
  });
}

// On independent positions every draw is final whatever the order: temperature 0 must give the most likely id everywhere.
Failure temperature_zero_is_argmax(const Subject& subject) {
  auto strategy = strategy_of(subject);
  for (const auto& setting : settings(*strategy, plane(2, 3, 3))) {
    auto prior = TabularPrior::independent(setting.layout, setting.order, {0.3, 0.25, 0.45});
    auto ids = free_run(*strategy, *prior, 8, {.temperature = 0});
    if (!same(ids, torch::full_like(ids, 2))) return setting.name + ": an id other than the most likely was committed at temperature 0";
  }
  return {};
}

Failure respects_top_k(const Subject& subject) {
  auto strategy = strategy_of(subject);
  for (const auto& setting : settings(*strategy, plane(2, 3, 3))) {
    auto prior = TabularPrior::independent(setting.layout, setting.order, {0.35, 0.3, 0.35});
    if ((free_run(*strategy, *prior, 32, {.top_k = 2}) == 1).any().item<bool>())
      return setting.name + ": an id outside the top two was committed";
  }
  return {};
}

// A strategy that takes one position a question draws from the joint itself.
Failure exact_when_sequential(const Subject& subject) {
  constexpr int64_t kSamples = 20000;
  auto strategy = strategy_of(subject);
  auto layout = plane(1, 3, 3);
  if (strategy->needs(layout).parallel) throw NotApplicable{"the strategy draws several dependent positions at once"};
  for (const auto& setting : settings(*strategy, layout)) {
    if (setting.name == "two scales") continue;  // this order itself is not exact
    TabularPrior prior(setting.layout, setting.order);
    auto ids = free_run(*strategy, prior, kSamples);
    std::vector<double> count(prior.joint().size());
    for (int64_t row = 0; row < kSamples; ++row) ++count[static_cast<size_t>(prior.entry(ids.data_ptr<int64_t>() + row * 3))];
    double statistic = 0;
    for (size_t entry = 0; entry < count.size(); ++entry) {
      double expected = prior.joint()[entry] * static_cast<double>(kSamples);
      statistic += (count[entry] - expected) * (count[entry] - expected) / expected;
    }
    if (double p = chi_square_p(statistic, static_cast<double>(count.size() - 1)); p < 1e-6)
      return fmt::format("{}: {} samples against the exact joint: chi-square {:.0f}, p = {:.1e}", setting.name, kSamples, statistic, p);
  }
  return {};
}

}  // namespace

std::vector<Law> sampling_laws() {
  return {
      {"decides_all", "returns when no id is -1, on every session that its needs admit", decides_all},
      {"keeps_known", "known tokens stay, for any mask", keeps_known},
      {"idle_when_all_known", "asks nothing when every token is known", idle_when_all_known},
      {"commits_what_was_drawn", "commits ids that the context drew", commits_what_was_drawn},
      {"asks_only_undecided", "never asks for a decided position", asks_only_undecided},
      {"no_wasted_question", "commits something after each question", no_wasted_question},
      {"bounded_questions", "asks at most once a token", bounded_questions},
      {"steps_advance", "step index rises and stays below a constant count", steps_advance},
      {"rows_independent", "a sample does not depend on its batch", rows_independent},
      {"uneven_rows", "rows with different masks each come out as if alone", uneven_rows},
      {"repeatable", "same seed, same ids", repeatable},
      {"no_state_between_runs", "an instance keeps nothing from one run to the next", no_state_between_runs},
      {"seed_matters", "other seed or sample index, other ids", seed_matters},
      {"global_state_kept", "leaves torch's generator and threads alone", global_state_kept},
      {"several_planes", "runs on planes of different size and vocabulary", several_planes},
      {"one_position", "runs on a single token", one_position},
      {"no_grid", "runs on tokens without a grid, or says that it needs one", no_grid},
      {"temperature_zero_is_argmax", "temperature 0 takes the most likely id", temperature_zero_is_argmax},
      {"respects_top_k", "never commits an id that the filter removed", respects_top_k},
      {"exact_when_sequential", "one position a question: samples follow the joint distribution", exact_when_sequential},
  };
}

}  // namespace tessera
