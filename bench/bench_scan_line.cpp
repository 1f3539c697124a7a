// Cached scan line against recompute: a GPT of 12 x 768, vocabulary 8200, 256 tokens, batch 16, fp32. A full recompute of 256
// tokens would take hours, so both ways are timed at 8 positions and integrated over all 256 (trapezoids: the cost of a question is
// smooth in its position). Logits are compared at the first half of these positions before any clock starts. One thread and the clock of
// its CPU time: the ratio, measured in one run, is then the same on a busy machine.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <ctime>
#include <string>
#include <vector>

#include "nn/sessions.hpp"

namespace {

using namespace tessera;

constexpr int64_t kPositions = 256, kRows = 16;
const std::vector<int64_t> kTimed{0, 15, 47, 95, 143, 191, 223, 255};

struct Bench {
  TokenLayout layout{{{16, 16, 8200, true}}};
  Transformer network{{768, 12, 12, 0.0, "learned"}, layout, 0, Transformer::Sight::causal};
  at::Tensor ids_BN = torch::randint(8200, {kRows, kPositions}, torch::kLong);
  Condition condition{torch::full({kRows}, -1, torch::kLong)};

  Bench() { network.eval(); }
  template <class Session>
  std::unique_ptr<Session> open() {
    Order order;
    order.rank_N = network.ranks();
    order.sees_rank = true;
    return std::make_unique<Session>(network, order, condition);
  }
};

Bench& bench() {
  static Bench made;
  return made;
}

at::Tensor everywhere(int64_t position) { return torch::full({kRows, 1}, position, torch::kLong); }

// Commits up to `position`, with the cache warm up to the slot before it.
template <class Session>
void advance(Session& session, int64_t from, int64_t position) {
  for (int64_t n = from; n < position; ++n) session.commit(everywhere(n), bench().ids_BN.narrow(1, n, 1).contiguous());
  if (position > 0) session.logits(everywhere(position - 1), {});
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(DecodeSession& session, int64_t position) {
  double start = cpu_seconds();
  session.logits(everywhere(position), {});
  return cpu_seconds() - start;
}

// Area under the timed points, by trapezoids, over positions 0..255.
double integrate(const std::vector<double>& seconds) {
  double total = seconds.back();
  for (size_t i = 0; i + 1 < kTimed.size(); ++i)
    total += 0.5 * (seconds[i] + seconds[i + 1]) * static_cast<double>(kTimed[i + 1] - kTimed[i]);
  return total;
}

// Empty, or how the two ways differ.
std::string wrong() {
  auto cached = bench().open<CausalSession>();
  auto reference = bench().open<RecomputeSession>();
  int64_t at = 0;
  for (size_t i = 0; i < kTimed.size() / 2; ++i) {
    int64_t position = kTimed[i];
    for (int64_t n = at; n < position; ++n)
      for (auto* session : {static_cast<DecodeSession*>(cached.get()), static_cast<DecodeSession*>(reference.get())})
        session->commit(everywhere(n), bench().ids_BN.narrow(1, n, 1).contiguous());
    at = position;
    double difference = (cached->logits(everywhere(position), {}) - reference->logits(everywhere(position), {})).abs().max().item<double>();
    if (!(difference < 1e-3)) return fmt::format("cache and recompute differ by {} at position {}", difference, position);
  }
  return "";
}

double cached_seconds() {
  auto session = bench().open<CausalSession>();
  std::vector<double> seconds;
  int64_t from = 0;
  for (int64_t position : kTimed) {
    advance(*session, from, position);
    from = position;
    seconds.push_back(seconds_of(*session, position));
  }
  return integrate(seconds);
}

double recompute_seconds() {
  std::vector<double> seconds;
  for (int64_t position : kTimed) {
    auto session = bench().open<RecomputeSession>();
    auto known = bench().ids_BN.clone();
    known.slice(1, position).fill_(-1);
    session->commit_known(known);
    seconds.push_back(seconds_of(*session, position));
  }
  return integrate(seconds);
}

void scan_line(benchmark::State& state) {
  state.SetLabel("ratio >= 30");
  at::set_num_threads(1);
  torch::NoGradGuard no_grad;
  if (auto text = wrong(); !text.empty()) return state.SkipWithError(text.c_str());
  for (auto _ : state) {
    double cached = cached_seconds(), recompute = recompute_seconds();
    state.counters["s_per_image"] = cached / kRows;
    state.counters["recompute_s_per_image"] = recompute / kRows;
    state.counters["ratio"] = recompute / cached;
    state.SetIterationTime(cached);
  }
}
BENCHMARK(scan_line)->Name("cached scan line, against recompute")->UseManualTime()->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace

BENCHMARK_MAIN();
