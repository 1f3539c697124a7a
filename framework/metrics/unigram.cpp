#include "metrics/unigram.hpp"

#include <cmath>

#include "metrics/bits_per_token.hpp"
#include "metrics/code_counts.hpp"

namespace tessera {

double unigram_bits(const at::Tensor& train_ids_MN, const at::Tensor& validation_ids_MN, const TokenLayout& layout) {
  const auto train = code_counts(train_ids_MN, layout), validation = code_counts(validation_ids_MN, layout);
  double nats = 0;
  for (size_t plane = 0; plane < train.size(); plane++) {
    const at::Tensor smoothed_K = train[plane] + 1;
    nats -= (validation[plane] * (smoothed_K / smoothed_K.sum()).log()).sum().item<double>();
  }
  return nats / (static_cast<double>(validation_ids_MN.numel()) * std::log(2.0));
}

PriorMetric unigram_bits_metric() {
  return {{{"unigram_bits", 1, "prior", "step", "none", "bits", false,
            "Cross entropy of the validation tokens under the code frequencies of train (one added to each count), a token."},
           {"bits_over_unigram", 1, "prior", "step", "min", "", false, "bits_per_token over unigram_bits."}},
          [](const PriorEvidence& e, std::vector<Score>& scores) {
            const double unigram = unigram_bits(e.train_ids_MN, e.validation_ids_MN, e.layout);
            scores.push_back({"unigram_bits", unigram, {}});
            scores.push_back({"bits_over_unigram", bits_per_token(e.nats_M, e.layout.length()).mean().item<double>() / unigram, {}});
          }};
}

SamplesMetric unigram_tv_metric() {
  return {{{"unigram_tv", 1, "samples", "step", "min", "", false,
            "Total variation between the code frequencies of samples and of validation; mean over planes. Blind to structure."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            const auto& layout = s.reference.layout;
            const auto p = code_counts(s.samples.ids_MN, layout), q = code_counts(s.reference.validation_ids_MN, layout);
            double sum = 0;
            for (size_t plane = 0; plane < p.size(); plane++) sum += total_variation(p[plane], q[plane]);
            scores.push_back({"unigram_tv", sum / static_cast<double>(p.size()), {}});
          },
          true};
}

}  // namespace tessera
