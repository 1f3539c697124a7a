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
    auto best = logits.argmax(-1, true);
    return torch::full_like(logits, kMinusInfinity).scatter(-1, best, 0.0);
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
  int64_t rows = logits_BQK.size(0), queried = logits_BQK.size(1), codes = logits_BQK.size(2);
  auto device = logits_BQK.device();
  auto log_probs_BQK = log_probs(logits_BQK, step);

  // Gumbel-max: argmax of log p + g, with g keyed by (seed, sample, position, times drawn before, code).
  auto scores = log_probs_BQK.to(torch::kCPU, torch::kFloat).contiguous();
  auto positions = positions_BQ.to(torch::kCPU).contiguous();
  auto ids = torch::zeros({rows, queried}, torch::kLong);
  const auto* p = positions.data_ptr<int64_t>();
  const auto* s = scores.data_ptr<float>();
  const auto* sample = sample_B_.data_ptr<int64_t>();
  auto* drawn = drawn_BN_.data_ptr<int64_t>();
  auto* out = ids.data_ptr<int64_t>();
  int64_t length = drawn_BN_.size(1);
  uint64_t key = mix_keys(seed_, purpose_id("draw"));
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint64_t row_key = mix_keys(key, static_cast<uint64_t>(sample[row]));
      for (int64_t q = 0; q < queried; ++q) {
        int64_t position = p[row * queried + q];
        if (position < 0) continue;
        int64_t times = drawn[row * length + position]++;
        const float* score = s + (row * queried + q) * codes;
        float best = -std::numeric_limits<float>::infinity();
        for (int64_t code = 0; code < codes; code += 4) {
          auto block = philox(row_key, static_cast<uint32_t>(position), static_cast<uint32_t>(times), static_cast<uint32_t>(code / 4), 0);
          for (int64_t i = 0; i < 4 && code + i < codes; ++i) {
            if (std::isinf(score[code + i])) continue;
            float value = score[code + i] - std::log(-std::log(open_uniform(block.word[i])));
            if (value > best) {
              best = value;
              out[row * queried + q] = code + i;
            }
          }
        }
      }
    }
  });
  ids = ids.to(device);
  auto pad = positions_BQ.to(device) < 0;
  auto pick = [&](const at::Tensor& log_p) { return log_p.gather(-1, ids.unsqueeze(-1)).squeeze(-1).masked_fill(pad, 0.0); };
  Draw draw{ids, pick(log_probs_BQK), pick(logits_BQK.to(torch::kFloat).log_softmax(-1))};
  auto logp = draw.logp_BQ.to(torch::kCPU).contiguous();
  for (int64_t i = 0; i < positions.numel(); ++i)
    if (p[i] >= 0) logp_BN_.data_ptr<float>()[i / queried * length + p[i]] = logp.data_ptr<float>()[i];
  return draw;
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
