// Laws of priors: their objective, their sessions, their state. Networks are made at their default size on tiny layouts; where
// a fresh network could hide a fault (a head that starts at zero sees nothing) its parameters are shaken first.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "conformance/suite.hpp"

namespace tessera {

namespace {

constexpr double kTolerance = 1e-4;  // fp32 sums in another order, over logits of size 1

TokenLayout square() { return TokenLayout({{2, 3, 5, true}}); }
TokenLayout two_planes() { return TokenLayout({{2, 2, 3, true}, {2, 2, 7, true}}); }

std::shared_ptr<Prior> fresh(const Subject& subject, const TokenLayout& layout, uint64_t seed = 0) {
  return make<Prior>(subject, {layout, subject.classes, nullptr}, seed);
}

void require(const Subject& subject, const TokenLayout& layout) {
  if (!takes<Prior>(subject, {layout, subject.classes, nullptr})) throw NotApplicable{"refused: " + subject.host->failure};
}

// The second one may be refused.
std::vector<TokenLayout> layouts(const Subject& subject) {
  std::vector<TokenLayout> list{square()};
  if (takes<Prior>(subject, {two_planes(), subject.classes, nullptr})) list.push_back(two_planes());
  return list;
}

// In eval mode, parameters away from their start.
std::shared_ptr<Prior> shaken(const Subject& subject, const TokenLayout& layout) {
  auto prior = fresh(subject, layout);
  torch::NoGradGuard no_grad;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  for (auto& parameter : prior->parameters()) parameter.add_(at::randn(parameter.sizes(), generator), 0.1);
  prior->eval();
  return prior;
}

// -1 for all where the prior takes no classes.
at::Tensor labels(const Subject& subject, std::vector<int64_t> list) {
  if (subject.classes == 0) std::fill(list.begin(), list.end(), -1);
  return torch::tensor(list, torch::kLong);
}

void require_classes(const Subject& subject) {
  if (subject.classes == 0) throw NotApplicable{"takes no classes"};
}

at::Tensor some_ids(int64_t rows, const TokenLayout& layout, uint64_t seed = 1) {
  auto uniform = Noise(seed, "conformance").uniform({rows, layout.length()}, "ids");
  auto vocabulary = torch::empty({layout.length()}, torch::kLong);
  for (int64_t n = 0; n < layout.length(); ++n) vocabulary[n] = layout.vocabulary(n);
  return (uniform * vocabulary).to(torch::kLong);
}

// One position, in every row.
at::Tensor everywhere(int64_t rows, int64_t position) { return torch::full({rows, 1}, position, torch::kLong); }

// Positions by rank: the order in which they may be asked.
std::vector<int64_t> by_rank(const Order& order) {
  std::vector<int64_t> positions(order.rank_N.size());
  for (size_t n = 0; n < positions.size(); ++n) positions[n] = static_cast<int64_t>(n);
  std::stable_sort(positions.begin(), positions.end(),
                   [&](int64_t a, int64_t b) { return order.rank_N[static_cast<size_t>(a)] < order.rank_N[static_cast<size_t>(b)]; });
  return positions;
}

// Feeds `ids` one position at a time; returns the logits that each position was asked with, B x N x K, -inf made finite.
at::Tensor walk(DecodeSession& session, const at::Tensor& ids_BN) {
  auto logits = torch::zeros({ids_BN.size(0), ids_BN.size(1), session.layout().max_vocabulary()});
  auto order = by_rank(session.order());
  for (size_t step = 0; step < order.size(); ++step) {
    auto positions = everywhere(ids_BN.size(0), order[step]);
    logits.select(1, order[step])
        .copy_(session.logits(positions, {static_cast<int64_t>(step), static_cast<int64_t>(order.size())}).select(1, 0));
    session.commit(positions, ids_BN.narrow(1, order[step], 1).contiguous());
  }
  return logits.clamp_min(-1e4);
}

double distance(const at::Tensor& a, const at::Tensor& b) { return (a.clamp_min(-1e4) - b.clamp_min(-1e4)).abs().max().item<double>(); }

StepContext step_of(int64_t step, int64_t steps = 1000) { return {step, steps, Noise(3, "conformance").at(step)}; }

Loss loss_of(Prior& prior, const at::Tensor& ids_BN, const at::Tensor& label_B, int64_t step = 0) {
  return prior.loss({ids_BN, torch::arange(ids_BN.size(0)), {label_B}}, step_of(step));
}

at::Tensor no_labels(int64_t rows) { return torch::full({rows}, -1, torch::kLong); }

void set_to_zero(Prior& prior) {
  torch::NoGradGuard no_grad;
  for (auto& parameter : prior.parameters()) parameter.zero_();
}

// Trains on what `ids` gives for each step; returns the mean loss a token of the last ten steps.
double trained_loss(Prior& prior, int64_t steps, const std::function<at::Tensor(int64_t)>& ids) {
  torch::AutoGradMode grad(true);
  torch::optim::Adam optimizer(prior.parameters(), torch::optim::AdamOptions(5e-3));
  prior.train();
  double total = 0, weight = 0;
  for (int64_t step = 0; step < steps; ++step) {
    auto ids_BN = ids(step);
    auto loss = loss_of(prior, ids_BN, no_labels(ids_BN.size(0)), step);
    optimizer.zero_grad();
    (loss.total / loss.weight).backward();
    optimizer.step();
    if (step >= steps - 10) {
      total += loss.total.item<double>();
      weight += loss.weight;
    }
  }
  return total / weight;
}

// ---- order and sessions

Failure order_fits(const Subject& subject) {
  for (const auto& layout : layouts(subject)) {
    auto order = fresh(subject, layout)->order();
    if (static_cast<int64_t>(order.rank_N.size()) != layout.length())
      return fmt::format("{} ranks for {} positions", order.rank_N.size(), layout.length());
    std::vector<bool> seen(order.rank_N.size());
    for (int64_t rank : order.rank_N) {
      if (rank < 0 || rank >= layout.length()) return fmt::format("rank {} outside [0, {})", rank, layout.length());
      seen[static_cast<size_t>(rank)] = true;
    }
    for (int64_t rank = 0; rank < order.ranks(); ++rank)
      if (!seen[static_cast<size_t>(rank)]) return fmt::format("no position has rank {} of {}", rank, order.ranks());
  }
  return {};
}

Failure asking_changes_nothing(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto session = prior->open({labels(subject, {-1, 1})});
  auto order = by_rank(session->order());
  session->commit(everywhere(2, order[0]), some_ids(2, square()).narrow(1, order[0], 1).contiguous());
  auto first = session->logits(everywhere(2, order[1]), {0, 1}).clone();
  if (!first.equal(session->logits(everywhere(2, order[1]), {0, 1}))) return "asking twice gave two answers";
  auto padded = everywhere(2, order[1]);
  padded[1][0] = -1;
  auto answer = session->logits(padded, {0, 1});
  if (distance(answer[0], first[0]) > kTolerance) return "padding one row changed the other";
  if (!answer[1].equal(torch::zeros_like(answer[1]))) return "padding was answered with something other than zeros";
  return {};
}

// L2: what is committed at higher rank is not seen.
Failure sees_lower_only(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto order = prior->order();
  if (order.any_order()) throw NotApplicable{"any-order sessions see every committed position"};
  auto positions = by_rank(order);
  auto ids = some_ids(2, square()), other = ids.clone();
  auto last = positions.back(), asked = positions[1];
  other.select(1, last).copy_((ids.select(1, last) + 1) % square().vocabulary(last));
  at::Tensor answers[2];
  int64_t index = 0;
  for (const auto& full : {ids, other}) {
    auto known = torch::full_like(full, -1);
    for (int64_t position : {positions[0], last}) known.select(1, position).copy_(full.select(1, position));
    auto session = prior->open({labels(subject, {-1, 1})});
    session->commit_known(known);
    answers[index++] = session->logits(everywhere(2, asked), {0, 1}).clone();
  }
  if (!answers[0].equal(answers[1])) return fmt::format("position {} saw a known token of higher rank at {}", asked, last);
  return {};
}

Failure sees_committed(const Subject& subject) {
  auto prior = shaken(subject, square());
  if (prior->order().ranks() == 1 && !prior->order().sees_rank) throw NotApplicable{"positions do not see each other by declaration"};
  // Which one is the prior's affair: its context may be local.
  auto ids = some_ids(1, square()), other = (ids + 1) % 5;
  auto a = walk(*prior->open({labels(subject, {-1})}), ids), b = walk(*prior->open({labels(subject, {-1})}), other);
  if (distance(a, b) < 1e-6) return "no position depends on those committed before it";
  return {};
}

// L3: a complete row scored in one call equals the walk through it.
Failure committed_scored_as_absent(const Subject& subject) {
  for (const auto& layout : layouts(subject)) {
    auto prior = shaken(subject, layout);
    if (prior->order().any_order()) throw NotApplicable{"only ranked sessions score committed positions"};
    auto ids = some_ids(3, layout);
    auto walked = walk(*prior->open({labels(subject, {-1, 0, 2})}), ids);
    auto session = prior->open({labels(subject, {-1, 0, 2})});
    session->commit_known(ids);
    auto all = torch::arange(layout.length()).expand({3, layout.length()}).contiguous();
    if (double d = distance(session->logits(all, {0, 1}), walked); d > kTolerance)
      return fmt::format("{}: teacher forcing and walk differ by {:.1e}", layout.describe(), d);
  }
  return {};
}

Failure keeps_committed(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto ids = some_ids(2, square());
  auto session = prior->open({labels(subject, {-1, 1})});
  auto known = ids.clone();
  for (int64_t n = 0; n < ids.size(1); n += 2) known.select(1, n).fill_(-1);
  session->commit_known(known);
  for (int64_t position : by_rank(session->order()))
    if (known[0][position].item<int64_t>() < 0) {
      session->logits(everywhere(2, position), {0, 1});
      session->commit(everywhere(2, position), ids.narrow(1, position, 1).contiguous());
    }
  if (!session->ids_BN().equal(ids)) return "ids of the session are not those committed";
  return {};
}

Failure finite_inside_vocabulary(const Subject& subject) {
  for (const auto& layout : layouts(subject)) {
    auto prior = shaken(subject, layout);
    auto session = prior->open({labels(subject, {-1, 1})});
    auto ids = some_ids(2, layout);
    for (int64_t position : by_rank(session->order())) {
      auto logits = session->logits(everywhere(2, position), {0, 1});
      int64_t vocabulary = layout.vocabulary(position);
      if (!logits.narrow(2, 0, vocabulary).isfinite().all().item<bool>())
        return fmt::format("position {}: a logit is not finite", position);
      if (!torch::isneginf(logits.narrow(2, vocabulary, layout.max_vocabulary() - vocabulary)).all().item<bool>())
        return fmt::format("position {}: an id outside the plane's vocabulary of {} can be drawn", position, vocabulary);
      session->commit(everywhere(2, position), ids.narrow(1, position, 1).contiguous());
    }
  }
  return {};
}

Failure rows_independent(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto ids = some_ids(4, square()), other = some_ids(4, square(), 9);
  other[0].copy_(ids[0]);
  auto a = walk(*prior->open({no_labels(4)}), ids), b = walk(*prior->open({no_labels(4)}), other);
  if (double d = distance(a[0], b[0]); d > kTolerance) return fmt::format("other rows changed row 0 by {:.1e}", d);
  return {};
}

Failure batch_size_free(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto ids = some_ids(4, square());
  auto a = walk(*prior->open({no_labels(4)}), ids), b = walk(*prior->open({no_labels(1)}), ids.narrow(0, 0, 1));
  if (double d = distance(a[0], b[0]); d > kTolerance) return fmt::format("row 0 alone and in a batch of four differ by {:.1e}", d);
  return {};
}

Failure label_stays_in_row(const Subject& subject) {
  require_classes(subject);
  auto prior = shaken(subject, square());
  auto ids = some_ids(2, square());
  auto a = walk(*prior->open({labels(subject, {0, 1})}), ids), b = walk(*prior->open({labels(subject, {0, 2})}), ids);
  if (double d = distance(a[0], b[0]); d > kTolerance) return fmt::format("the label of row 1 changed row 0 by {:.1e}", d);
  return {};
}

Failure label_matters(const Subject& subject) {
  require_classes(subject);
  auto prior = shaken(subject, square());
  auto ids = some_ids(1, square());
  if (distance(walk(*prior->open({labels(subject, {0})}), ids), walk(*prior->open({labels(subject, {1})}), ids)) < 1e-6)
    return "two classes give equal logits";
  return {};
}

Failure null_label_is_its_own(const Subject& subject) {
  require_classes(subject);
  auto prior = shaken(subject, square());
  auto ids = some_ids(1, square());
  auto null = walk(*prior->open({labels(subject, {-1})}), ids);
  for (int64_t label = 0; label < subject.classes; ++label)
    if (distance(null, walk(*prior->open({labels(subject, {label})}), ids)) < 1e-6)
      return fmt::format("the null label equals class {}", label);
  return {};
}

Failure cost_counted(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto session = prior->open({no_labels(3)});
  for (int64_t position : by_rank(session->order())) {
    Cost before = session->cost();
    session->logits(everywhere(3, position), {0, 1});
    Cost spent = session->cost() - before;
    if (spent.evaluations < 1 || spent.token_forwards < 3)
      return fmt::format("a new question to three rows cost {} evaluations and {} token-forwards", spent.evaluations, spent.token_forwards);
    session->commit(everywhere(3, position), some_ids(3, square()).narrow(1, position, 1).contiguous());
  }
  return {};
}

Failure smallest_layout(const Subject& subject) {
  TokenLayout layout({{1, 1, 2, true}});
  require(subject, layout);
  auto prior = shaken(subject, layout);
  walk(*prior->open({no_labels(2)}), some_ids(2, layout));
  if (!std::isfinite(loss_of(*prior, some_ids(2, layout), no_labels(2)).total.item<double>())) return "the loss is not finite";
  return {};
}

// ---- objective

// All parameters zero = uniform: whatever the objective scores costs ln K a token.
Failure weight_counts_tokens(const Subject& subject) {
  auto prior = fresh(subject, square());
  prior->eval();
  set_to_zero(*prior);
  for (int64_t step = 0; step < 5; ++step) {
    auto loss = loss_of(*prior, some_ids(6, square()), no_labels(6), step);
    double total = loss.total.item<double>();
    if (loss.weight < 1 || loss.weight > 36) return fmt::format("weight {} for 36 tokens", loss.weight);
    if (std::abs(total - loss.weight * std::log(5.0)) > 1e-3 * total)
      return fmt::format("a uniform network: total {:.4f} at weight {}, expected {:.4f}", total, loss.weight, loss.weight * std::log(5.0));
  }
  return {};
}

// The same with vocabularies 3 and 7: ids that a plane has not get no probability.
Failure planes_normalised(const Subject& subject) {
  require(subject, two_planes());
  auto prior = fresh(subject, two_planes());
  prior->eval();
  set_to_zero(*prior);
  double total = 0, weight = 0;
  for (int64_t step = 0; step < 30; ++step) {
    auto loss = loss_of(*prior, some_ids(8, two_planes()), no_labels(8), step);
    total += loss.total.item<double>();
    weight += loss.weight;
  }
  double expected = (std::log(3.0) + std::log(7.0)) / 2, found = total / weight;  // the planes are of one size
  double slack = prior->order().any_order() ? 0.1 : 1e-4;                         // which positions are scored is random
  if (std::abs(found - expected) > slack) return fmt::format("a uniform network: {:.4f} nats a token, expected {:.4f}", found, expected);
  return {};
}

Failure loss_is_teacher_forcing(const Subject& subject) {
  auto with_options = subject;
  if (with_options.values.has("label_smoothing")) with_options.values.set("label_smoothing", 0.0);
  auto prior = shaken(with_options, square());
  if (prior->order().any_order()) throw NotApplicable{"the objective is no exact likelihood"};
  auto ids = some_ids(4, square());
  auto logits = walk(*prior->open({labels(subject, {-1, 0, 1, 2})}), ids);
  double expected = -logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).sum().item<double>();
  double found = loss_of(*prior, ids, labels(subject, {-1, 0, 1, 2})).total.item<double>();
  if (std::abs(found - expected) > 1e-3 * expected) return fmt::format("loss {:.4f}, -log p by the session {:.4f}", found, expected);
  return {};
}

Failure loss_repeatable(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto ids = some_ids(4, square());
  double first = loss_of(*prior, ids, no_labels(4)).total.item<double>(), second = loss_of(*prior, ids, no_labels(4)).total.item<double>();
  if (first != second) return fmt::format("one step's noise gave the losses {} and {}", first, second);
  return {};
}

// Fresh random tokens at each step: nobody can beat ln K, unless a token sees itself.
Failure nothing_to_learn(const Subject& subject) {
  auto prior = fresh(subject, square());
  double loss = trained_loss(*prior, 60, [](int64_t step) { return some_ids(24, square(), static_cast<uint64_t>(100 + step)); });
  if (loss < 0.93 * std::log(5.0))
    return fmt::format("{:.3f} nats a token on random tokens of entropy {:.3f}: a token sees itself", loss, std::log(5.0));
  return {};
}
Failure causal_leak(const Subject& subject) {
  if (fresh(subject, square())->order().any_order()) throw NotApplicable{"any order"};
  return nothing_to_learn(subject);
}
Failure visible_not_scored(const Subject& subject) {
  if (!fresh(subject, square())->order().any_order()) throw NotApplicable{"ranked"};
  return nothing_to_learn(subject);
}

// Rows of one repeated id: one token tells all others.
Failure learns(const Subject& subject) {
  auto prior = fresh(subject, square());
  double loss = trained_loss(*prior, 60, [](int64_t step) {
    return some_ids(24, square(), static_cast<uint64_t>(100 + step)).narrow(1, 0, 1).expand({24, 6}).contiguous();
  });
  if (loss > 0.75 * std::log(5.0)) return fmt::format("{:.3f} nats a token on rows of one repeated id, ln K = {:.3f}", loss, std::log(5.0));
  return {};
}

// How much is scored may be random, but not one draw for the whole batch.
Failure ratio_per_sample(const Subject& subject) {
  auto prior = fresh(subject, square());
  prior->eval();
  torch::NoGradGuard no_grad;
  double sum = 0, squares = 0;
  constexpr int64_t kRows = 64, kDraws = 40;
  for (int64_t step = 0; step < kDraws; ++step) {
    double share = loss_of(*prior, some_ids(kRows, square()), no_labels(kRows), step).weight / static_cast<double>(kRows * 6);
    sum += share;
    squares += share * share;
  }
  double mean = sum / kDraws, spread = std::sqrt(std::max(0.0, squares / kDraws - mean * mean));
  // Shares lie in [0, 1]: one row's spread is at most 0.5, the mean of 64 rows' at most 0.0625.
  if (spread > 0.1)
    return fmt::format("the share of scored tokens has spread {:.3f} over batches of 64 rows, expected at most 0.0625", spread);
  return {};
}

Failure starts_near_uniform(const Subject& subject) {
  auto prior = fresh(subject, square());
  prior->eval();
  auto loss = loss_of(*prior, some_ids(16, square()), no_labels(16));
  double nats = loss.total.item<double>() / loss.weight;
  if (std::abs(nats - std::log(5.0)) > 0.15 * std::log(5.0))
    return fmt::format("{:.3f} nats a token before training, ln K = {:.3f}", nats, std::log(5.0));
  return {};
}

Failure every_parameter_used(const Subject& subject) {
  auto prior = fresh(subject, square());
  torch::AutoGradMode grad(true);
  prior->train();
  for (int64_t step = 0; step < 3; ++step)
    loss_of(*prior, some_ids(8, square()), labels(subject, {-1, 0, 1, 2, -1, 0, 1, 2}), step).total.backward();
  for (const auto& parameter : prior->named_parameters())
    if (!parameter.value().grad().defined() || parameter.value().grad().abs().sum().item<double>() == 0)
      return "no gradient reaches " + parameter.key();
  return {};
}

// ---- state

Failure state_in_dictionary(const Subject& subject) {
  auto source = shaken(subject, square()), copy = fresh(subject, square(), 99);
  copy->eval();
  torch::NoGradGuard no_grad;
  auto parameters = copy->named_parameters(), buffers = copy->named_buffers();
  for (const auto& item : source->named_parameters()) parameters[item.key()].copy_(item.value());
  for (const auto& item : source->named_buffers()) buffers[item.key()].copy_(item.value());
  auto ids = some_ids(2, square());
  if (double d = distance(walk(*source->open({no_labels(2)}), ids), walk(*copy->open({no_labels(2)}), ids)); d > kTolerance)
    return fmt::format("an instance with the same parameters and buffers differs by {:.1e}", d);
  return {};
}

Failure created_from_seed(const Subject& subject) {
  auto a = fresh(subject, square(), 4), b = fresh(subject, square(), 4);
  auto other = b->named_parameters();
  for (const auto& item : a->named_parameters())
    if (!item.value().equal(other[item.key()])) return item.key() + " differs between two instances made at one seed";
  return {};
}

Failure global_state_kept(const Subject& subject) {
  auto prior = shaken(subject, square());
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  auto before = generator.get_state();
  int threads = at::get_num_threads();
  loss_of(*prior, some_ids(2, square()), no_labels(2));
  walk(*prior->open({no_labels(2)}), some_ids(2, square()));
  if (!generator.get_state().equal(before)) return "torch's default generator was used or seeded in eval mode";
  if (at::get_num_threads() != threads) return "the number of threads was changed";
  if (torch::GradMode::is_enabled() != true) return "gradient mode was changed";
  return {};
}

}  // namespace

std::vector<Law> prior_laws() {
  return {
      {"order_fits", "one rank a position, ranks without gaps", order_fits},
      {"asking_changes_nothing", "L1: asking twice gives one answer; padding is ignored", asking_changes_nothing},
      {"sees_lower_only", "L2: what is committed at higher rank is not seen, bit for bit", sees_lower_only},
      {"sees_committed", "L2: what is committed at lower rank is seen", sees_committed},
      {"committed_scored_as_absent", "L3: teacher forcing equals the walk", committed_scored_as_absent},
      {"keeps_committed", "L4: ids are those committed", keeps_committed},
      {"finite_inside_vocabulary", "logits are finite inside a plane's vocabulary, -inf outside", finite_inside_vocabulary},
      {"rows_independent", "a row does not depend on other rows", rows_independent},
      {"batch_size_free", "a row does not depend on the batch size", batch_size_free},
      {"label_stays_in_row", "a row does not depend on another row's label", label_stays_in_row},
      {"label_matters", "classes condition", label_matters},
      {"null_label_is_its_own", "label -1 is no class", null_label_is_its_own},
      {"cost_counted", "network evaluations and token-forwards are counted", cost_counted},
      {"smallest_layout", "one position, two codes", smallest_layout},
      {"weight_counts_tokens", "weight is the number of scored tokens, total their sum", weight_counts_tokens},
      {"planes_normalised", "probability stays inside a plane's vocabulary in training", planes_normalised},
      {"loss_is_teacher_forcing", "a ranked prior's loss in eval mode, without label smoothing, is the likelihood that its session gives",
       loss_is_teacher_forcing},
      {"loss_repeatable", "all noise of the loss comes from the step's context", loss_repeatable},
      {"causal_leak", "a ranked prior learns nothing from random tokens", causal_leak},
      {"visible_not_scored", "an any-order prior learns nothing from random tokens", visible_not_scored},
      {"learns", "what one token says of the others is learnt", learns},
      {"ratio_per_sample", "how much is masked is drawn for each sample", ratio_per_sample},
      {"starts_near_uniform", "an untrained prior is near ln K", starts_near_uniform},
      {"every_parameter_used", "a gradient reaches every parameter", every_parameter_used},
      {"state_in_dictionary", "parameters and buffers are the whole state", state_in_dictionary},
      {"created_from_seed", "weights come from torch's generator alone", created_from_seed},
      {"global_state_kept", "leaves torch's generator, threads and gradient mode alone", global_state_kept},
  };
}

}  // namespace tessera
