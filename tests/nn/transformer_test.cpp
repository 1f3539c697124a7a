// The shared transformer: causality bit for bit, cache against recompute, cost, sizes.
#include <gtest/gtest.h>

#include "nn/dropout.hpp"
#include "nn/sessions.hpp"

namespace tessera {
namespace {

struct Case {
  const char* name;
  TokenLayout layout;
  const char* positions;
};
std::vector<Case> cases() {
  return {{"one plane", TokenLayout({{3, 4, 11, true}}), "learned"},
          {"one plane, rotary", TokenLayout({{3, 4, 11, true}}), "rotary"},
          {"two planes on one grid", TokenLayout({{2, 3, 5, true}, {2, 3, 9, true}}), "learned"},
          {"two scales, rotary", TokenLayout({{1, 1, 5, true}, {3, 3, 9, true}}), "rotary"},
          {"no grid", TokenLayout({{1, 9, 6, false}}), "learned"}};
}

// Why cache and recompute may differ at all: fp32 sums in another order (GEMMs of other shapes, attention of one query).
constexpr double kCacheTolerance = 2e-5;  // logits of size 1, 2 layers of width 32

constexpr int64_t kRows = 3, kClasses = 2;

std::unique_ptr<Transformer> network(const Case& c, Transformer::Sight sight = Transformer::Sight::causal) {
  torch::manual_seed(1);
  auto made = std::make_unique<Transformer>(TransformerOptions{32, 2, 2, 0.1, c.positions}, c.layout, kClasses, sight);
  torch::NoGradGuard no_grad;
  for (auto& parameter : made->parameters()) parameter.add_(torch::randn_like(parameter), 0.1);
  made->eval();
  return made;
}

Order order_of(const Transformer& network) {
  Order order;
  order.rank_N = network.ranks();
  order.sees_rank = true;
  return order;
}

at::Tensor ids_of(const TokenLayout& layout) {
  auto ids = torch::empty({kRows, layout.length()}, torch::kLong);
  for (int64_t n = 0; n < layout.length(); ++n) ids.select(1, n).copy_(torch::randint(layout.vocabulary(n), {kRows}, torch::kLong));
  return ids;
}

at::Tensor labels() { return torch::tensor({-1, 0, 1}, torch::kLong); }
at::Tensor everywhere(int64_t position) { return torch::full({kRows, 1}, position, torch::kLong); }
double distance(const at::Tensor& a, const at::Tensor& b) { return (a.clamp_min(-1e4) - b.clamp_min(-1e4)).abs().max().item<double>(); }

TEST(CausalSession, EqualsRecomputeAtEveryPosition) {
  torch::NoGradGuard no_grad;
  for (const auto& c : cases()) {
    auto net = network(c);
    auto ids = ids_of(c.layout);
    CausalSession cached(*net, order_of(*net), {labels()});
    RecomputeSession reference(*net, order_of(*net), {labels()});
    for (int64_t position : net->slots()) {
      auto a = cached.logits(everywhere(position), {}), b = reference.logits(everywhere(position), {});
      EXPECT_LT(distance(a, b), kCacheTolerance) << c.name << ", position " << position;
      for (auto* session : {static_cast<DecodeSession*>(&cached), static_cast<DecodeSession*>(&reference)})
        session->commit(everywhere(position), ids.narrow(1, position, 1).contiguous());
    }
  }
}

// One token everywhere, so that keys of the first block differ by their rotation alone: a key stands where its token lies. Two tokens
// side by side then have one product wherever they are, at a row's end, too; keys turned by the place that they predict have not.
TEST(Transformer, RotaryKeysStandWhereTheirTokensLie) {
  torch::NoGradGuard no_grad;
  const TokenLayout layout({{3, 4, 11, true}});
  auto net = network({"rotary", layout, "rotary"});
  TransformerOptions options{32, 2, 2, 0.1, "rotary"};
  KvCache cache(options, 1, layout.length(), torch::TensorOptions());
  auto ids = torch::full({1, layout.length()}, 5, torch::kLong);
  net->causal(ids, torch::full({1}, -1, torch::kLong), 0, layout.length(), &cache);
  auto key_of = [&](int64_t row, int64_t column) { return cache.keys_BHTD[0].select(2, row * 4 + column + 1); };
  auto product = [&](const at::Tensor& a, const at::Tensor& b) { return (a * b).sum(-1); };
  auto middle = product(key_of(1, 0), key_of(1, 1));
  EXPECT_TRUE(torch::allclose(product(key_of(0, 2), key_of(0, 3)), middle, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(product(key_of(0, 3), key_of(1, 3)), product(key_of(0, 1), key_of(1, 1)), 1e-4, 1e-5));
  EXPECT_FALSE(torch::allclose(product(key_of(0, 3), key_of(1, 0)), middle, 1e-4, 1e-5)) << "the next row's first is no right neighbour";
  EXPECT_FALSE(torch::allclose(product(key_of(0, 1), key_of(1, 1)), middle, 1e-4, 1e-5)) << "above is not left";
}

TEST(CausalSession, FeedsEachTokenOnce) {
  torch::NoGradGuard no_grad;
  for (const auto& c : cases()) {
    auto net = network(c);
    auto ids = ids_of(c.layout);
    int64_t n = c.layout.length();
    CausalSession cached(*net, order_of(*net), {labels()});
    RecomputeSession reference(*net, order_of(*net), {labels()});
    for (auto* session : {static_cast<DecodeSession*>(&cached), static_cast<DecodeSession*>(&reference)})
      for (int64_t position : net->slots()) {
        session->logits(everywhere(position), {});
        session->commit(everywhere(position), ids.narrow(1, position, 1).contiguous());
      }
    EXPECT_EQ(cached.cost().token_forwards, kRows * n) << c.name;
    EXPECT_EQ(cached.cost().evaluations, n);
    EXPECT_EQ(reference.cost().token_forwards, kRows * n * (n + 1) / 2) << c.name;
    // Asking again, also for all that is committed, costs the network nothing.
    cached.logits(torch::arange(n).expand({kRows, n}).contiguous(), {});
    EXPECT_EQ(cached.cost().token_forwards, kRows * n);
  }
}

TEST(CausalSession, TakesAKnownPrefixInOneForwardAndLeavesLaterTokensOutside) {
  torch::NoGradGuard no_grad;
  Case c = cases()[0];
  auto net = network(c);
  auto ids = ids_of(c.layout);
  auto known = ids.clone();
  known.slice(1, 5, 9).fill_(-1);  // positions 0..4 and 9..11 are known
  CausalSession session(*net, order_of(*net), {labels()});
  session.commit_known(known);
  auto with_later = session.logits(everywhere(5), {});
  EXPECT_EQ(session.cost().evaluations, 1);
  EXPECT_EQ(session.cost().token_forwards, kRows * 6);

  CausalSession prefix_only(*net, order_of(*net), {labels()});
  known.slice(1, 9).fill_(-1);
  prefix_only.commit_known(known);
  EXPECT_TRUE(with_later.equal(prefix_only.logits(everywhere(5), {})));

  // Filling the hole, then a known one: several slots are fed at once, behind others.
  for (int64_t position = 5; position < 9; ++position) {
    if (position > 5) session.logits(everywhere(position), {});
    session.commit(everywhere(position), ids.narrow(1, position, 1).contiguous());
  }
  auto last = session.logits(everywhere(11), {});
  RecomputeSession reference(*net, order_of(*net), {labels()});
  reference.commit_known(ids);
  EXPECT_LT(distance(last, reference.logits(everywhere(11), {})), kCacheTolerance);
  EXPECT_EQ(session.cost().token_forwards, kRows * 12);
}

TEST(Transformer, NeverLetsATokenReachItsOwnSlotOrAnEarlierOne) {
  torch::NoGradGuard no_grad;
  for (const auto& c : cases()) {
    auto net = network(c);
    auto ids = ids_of(c.layout);
    int64_t n = c.layout.length();
    auto before = net->causal(ids, labels(), 0, n);
    for (int64_t slot = 0; slot < n; ++slot) {
      int64_t position = net->slots()[static_cast<size_t>(slot)];
      auto changed = ids.clone();
      changed.select(1, position).copy_((ids.select(1, position) + 1) % c.layout.vocabulary(position));
      auto after = net->causal(changed, labels(), 0, n);
      EXPECT_TRUE(before.narrow(1, 0, slot + 1).equal(after.narrow(1, 0, slot + 1))) << c.name << ", slot " << slot;
      if (slot + 1 < n) EXPECT_FALSE(before.narrow(1, slot + 1, 1).equal(after.narrow(1, slot + 1, 1))) << c.name << ", slot " << slot;
    }
  }
}

TEST(Transformer, OfBothSightsDiffersByTheMaskEmbeddingAlone) {
  for (const auto& c : cases()) {
    auto count = [](const Transformer& net) {
      int64_t total = 0;
      for (const auto& parameter : net.parameters()) total += parameter.numel();
      return total;
    };
    EXPECT_EQ(count(*network(c, Transformer::Sight::bidirectional)) - count(*network(c)), 32) << c.name;
  }
}

TEST(Transformer, PutsResidualCodesOfACellSideBySide) {
  Transformer net({32, 1, 2, 0.0, "learned"}, TokenLayout({{1, 3, 5, true}, {1, 3, 5, true}}), 0, Transformer::Sight::causal);
  EXPECT_EQ(net.slots(), (std::vector<int64_t>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(net.ranks(), (std::vector<int64_t>{0, 2, 4, 1, 3, 5}));
}

TEST(Transformer, ScoresWhatItsLogitsSay) {
  torch::NoGradGuard no_grad;
  for (const auto& c : cases()) {
    auto net = network(c);
    auto ids = ids_of(c.layout);
    int64_t n = c.layout.length();
    auto slot_N = torch::tensor(net->slots(), torch::kLong);
    auto hidden = net->causal(ids, labels(), 0, n);
    auto target = ids.index_select(1, slot_N);
    auto log_p = net->logits(hidden, slot_N.expand({kRows, n}).contiguous()).log_softmax(-1);
    double nats = -log_p.gather(-1, target.unsqueeze(-1)).sum().item<double>();
    auto plain = net->score(hidden.flatten(0, 1), target.flatten(), slot_N.repeat({kRows}), 0);
    EXPECT_NEAR(plain.total.item<double>(), nats, 1e-3) << c.name;
    auto smoothed = net->score(hidden.flatten(0, 1), target.flatten(), slot_N.repeat({kRows}), 0.2);
    EXPECT_NEAR(smoothed.nll.item<double>(), nats, 1e-3) << c.name;
    double even = 0;  // the mean of -log p over the plane's vocabulary
    for (int64_t slot = 0; slot < n; ++slot)
      even -=
          log_p.select(1, slot).narrow(-1, 0, c.layout.vocabulary(net->slots()[static_cast<size_t>(slot)])).mean(-1).sum().item<double>();
    EXPECT_NEAR(smoothed.total.item<double>(), 0.8 * nats + 0.2 * even, 1e-3) << c.name;
  }
}

TEST(Transformer, SaysWhichHeadsFit) {
  auto text = [](int64_t width, int64_t heads, const char* positions) -> std::string {
    try {
      Transformer({width, 1, heads, 0.0, positions}, TokenLayout({{2, 2, 4, true}}), 0, Transformer::Sight::causal);
    } catch (const OptionError& error) {
      return error.option() + ": " + error.what();
    }
    return "";
  };
  EXPECT_EQ(text(128, 3, "learned"), "heads: found 3, expected a divisor of the width 128");
  EXPECT_EQ(text(24, 4, "rotary"), "heads: found 4 (6 channels each), expected heads of a multiple of 4 channels for rotary positions");
  EXPECT_EQ(text(24, 4, "learned"), "");
}

TEST(Dropout, KeepsTheShareAndTheMean) {
  torch::manual_seed(3);
  auto x = torch::ones({1000, 1001}).requires_grad_();
  auto y = dropout(x, 0.1);
  double dropped = (y == 0).to(torch::kDouble).mean().item<double>();
  EXPECT_NEAR(dropped, 0.1, 5 * std::sqrt(0.09 / 1e6));
  EXPECT_NEAR(y.mean().item<double>(), 1, 0.003);
  // Neighbours are independent.
  auto zero = (y == 0).to(torch::kDouble).flatten();
  double both = (zero.slice(0, 1) * zero.slice(0, 0, -1)).mean().item<double>();
  EXPECT_NEAR(both, 0.01, 5 * 1e-4);
  y.sum().backward();
  EXPECT_TRUE(x.grad().equal(y.detach()));
  EXPECT_FALSE(dropout(x, 0.1).equal(y));
  torch::manual_seed(3);
  EXPECT_TRUE(dropout(x, 0.1).equal(y));
}

}  // namespace
}  // namespace tessera
