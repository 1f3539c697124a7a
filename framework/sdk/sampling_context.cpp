// Draws: temperature, top-k, top-p, Gumbel-max. The order of the filters is fixed: temperature, then k, then p.
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <cmath>

#include "tessera/noise.hpp"
#include "tessera/sampling.hpp"

namespace tessera {

SamplingContext::SamplingContext(uint64_t seed, const at::Tensor& sample_B, const TokenLayout& layout, DrawOptions options)
    : seed_(seed), sample_B_(sample_B.to(torch::kCPU, torch::kLong).contiguous()),
      drawn_BN_(torch::zeros({sample_B.size(0), layout.length()}, torch::kLong)),
      logp_BN_(torch::zeros({sample_B.size(0), layout.length()}, torch::kFloat)), options_(options) {
  if (!(options.temperature >= 0)) throw std::invalid_argument("temperature must be at least 0");
  if (!(options.top_p > 0 && options.top_p <= 1)) throw std::invalid_argument("top_p must lie in (0, 1]");
  if (options.top_k < 0) throw std::invalid_argument("top_k must be at least 0");
}
SamplingContext::~SamplingContext() = default;
void SamplingContext::log(LogLevel, std::string_view) {}
at::Tensor SamplingContext::total_logp_B() const { return logp_BN_.sum(1); }

at::Tensor SamplingContext::log_probs(const at::Tensor& logits_BQK, Step) const {
  constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
  auto logits = logits_BQK.to(torch::kFloat);
  int64_t codes = logits.size(2);

  // Temperature divides; zero means the most likely token, the lowest index on a tie.
  if (options_.temperature == 0) {
    auto best = logits.argmax(-1, true), value = logits.gather(-1, best);
    auto undrawable = value.isnan().logical_or(value == kMinusInfinity);
    return torch::full_like(logits, kMinusInfinity).scatter(-1, best, torch::zeros_like(value).masked_fill(undrawable, NAN));
  }
  logits = logits / options_.temperature;

  // Top-k and top-p by rank in a stable sort: of equal logits the lower index survives, so exactly k do.
  bool by_k = options_.top_k > 0 && options_.top_k < codes, by_p = options_.top_p < 1.0;
  if (by_k || by_p) {
    auto sorted = logits.sort(/*stable=*/true, -1, /*descending=*/true);
    auto values = std::get<0>(sorted).clone();
    const auto& order = std::get<1>(sorted);
    if (by_k) values.slice(-1, options_.top_k).fill_(kMinusInfinity);
    if (by_p) {
      // A token goes when the mass before it has reached p already: the one that crosses p stays, and at least one does.
      auto probability = values.softmax(-1).to(torch::kDouble);
      auto before = probability.cumsum(-1) - probability;
      values.masked_fill_(before >= options_.top_p, kMinusInfinity);
    }
    logits = torch::empty_like(logits).scatter_(-1, order, values);
  }
  return logits.log_softmax(-1);
}

Draw SamplingContext::draw(const at::Tensor& logits_BQK, const at::Tensor& positions_BQ, Step step) {
  int64_t rows = logits_BQK.size(0), queried = logits_BQK.size(1), codes = logits_BQK.size(2), length = drawn_BN_.size(1);
  if (rows != sample_B_.size(0) || positions_BQ.size(0) != rows || positions_BQ.size(1) != queried)
    throw std::logic_error("draw: logits " + c10::str(logits_BQK.sizes()) + " and positions " + c10::str(positions_BQ.sizes()) + " for " +
                           std::to_string(sample_B_.size(0)) + " samples");
  auto device = logits_BQK.device();
  auto log_probs_BQK = log_probs(logits_BQK, step);

  // Gumbel-max as a race: argmax(log p + Gumbel) = argmin(E / p), E = -log(1 - v) exponential. Small E decide it, and v is finest
  // near 0. As E >= v, most codes are out of the race before their logarithm is taken. v is keyed by (seed, sample, position,
  // times drawn before, code).
  auto weights = log_probs_BQK.to(torch::kCPU, torch::kFloat).exp().contiguous();
  auto positions = positions_BQ.to(torch::kCPU).contiguous();
  auto ids = torch::zeros({rows, queried}, torch::kLong);
  const auto* p = positions.data_ptr<int64_t>();
  const auto* w = weights.data_ptr<float>();
  const auto* sample = sample_B_.data_ptr<int64_t>();
  auto* drawn = drawn_BN_.data_ptr<int64_t>();
  auto* out = ids.data_ptr<int64_t>();
  uint64_t key = mix_keys(seed_, purpose_id("draw"));
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint64_t row_key = mix_keys(key, static_cast<uint64_t>(sample[row]));
      for (int64_t q = 0; q < queried; ++q) {
        int64_t position = p[row * queried + q];
        if (position < 0) continue;
        if (position >= length)
          throw std::logic_error("draw: position " + std::to_string(position) + " outside a layout of " + std::to_string(length));
        int64_t times = drawn[row * length + position]++, winner = -1;
        const float* weight = w + (row * queried + q) * codes;
        float first = std::numeric_limits<float>::infinity();  // time of the winner so far
        for (int64_t code = 0; code < codes; code += 4) {
          auto block = philox(row_key, static_cast<uint32_t>(position), static_cast<uint32_t>(times), static_cast<uint32_t>(code / 4), 0);
          for (int64_t i = 0; i < 4 && code + i < codes; ++i) {
            float v = std::min((static_cast<float>(block.word[i]) + 0.5f) * 0x1p-32f, 1 - 0x1p-24f), rate = weight[code + i];
            if (!(rate > 0) || v >= first * rate) continue;
            if (float time = -std::log1p(-v) / rate; time < first) {
              first = time;
              winner = code + i;
            }
          }
        }
        if (winner < 0)
          throw std::runtime_error("draw: no id can be drawn at position " + std::to_string(position) + ": its logits are NaN or all -inf");
        out[row * queried + q] = winner;
      }
    }
  });
  ids = ids.to(device);
  auto pad = positions_BQ.to(device) < 0;
  auto pick = [&](const at::Tensor& values_BQK) { return values_BQK.gather(-1, ids.unsqueeze(-1)).squeeze(-1); };
  auto logp = pick(log_probs_BQK), raw_logp = logp;
  if (options_.temperature != 1 || options_.top_k > 0 || options_.top_p < 1)
    raw_logp = pick(logits_BQK).to(torch::kFloat) - logits_BQK.to(torch::kFloat).logsumexp(-1);
  logp = logp.masked_fill(pad, 0.0);
  auto kept = logp.to(torch::kCPU).contiguous();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t q = 0; q < queried; ++q)
      if (int64_t position = p[row * queried + q]; position >= 0)
        logp_BN_.data_ptr<float>()[row * length + position] = kept.data_ptr<float>()[row * queried + q];
  return {ids, logp, raw_logp.masked_fill(pad, 0.0)};
}

at::Tensor SamplingContext::gumbel(const at::Tensor& positions_BQ, std::string_view purpose, Step step) const {
  auto positions = positions_BQ.to(torch::kCPU).contiguous();
  auto out = torch::zeros(positions.sizes(), torch::kFloat);
  const auto* p = positions.data_ptr<int64_t>();
  auto* g = out.data_ptr<float>();
  int64_t queried = positions.size(1);
  uint64_t key = mix_keys(seed_, purpose_id(purpose));
  for (int64_t row = 0; row < positions.size(0); ++row) {
    uint64_t row_key = mix_keys(key, static_cast<uint64_t>(sample_B_.data_ptr<int64_t>()[row]));
    for (int64_t q = 0; q < queried; ++q) {
      int64_t position = p[row * queried + q];
      if (position < 0) continue;
      auto block = philox(row_key, static_cast<uint32_t>(position), static_cast<uint32_t>(step.index), 0, 1);
      g[row * queried + q] = -std::log(-std::log(open_uniform(block.word[0])));
    }
  }
  return out.to(positions_BQ.device());
}

at::Tensor SamplingContext::uniform(std::string_view purpose) const {
  auto out = torch::empty({sample_B_.size(0)}, torch::kFloat);
  uint64_t key = mix_keys(seed_, purpose_id(purpose));
  for (int64_t row = 0; row < out.size(0); ++row)
    out[row] = open_uniform(philox(mix_keys(key, static_cast<uint64_t>(sample_B_.data_ptr<int64_t>()[row])), 0, 0, 0, 2).word[0]);
  return out;
}

}  // namespace tessera
