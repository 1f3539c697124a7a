#include "metrics/codebook.hpp"

#include <cmath>

#include "metrics/code_counts.hpp"

namespace tessera {

double codebook_usage(const at::Tensor& counts_K) { return counts_K.gt(0).to(at::kDouble).mean().item<double>(); }
double codebook_perplexity(const at::Tensor& counts_K) { return std::exp(entropy(counts_K)); }

TokenizerMetric codebook_metric() {
  return {{{"codebook_usage", 1, "tokenizer", "step", "max", "", false,
            "Part of the codes that occur in the tokens of the validation images; mean over planes."},
           {"codebook_perplexity", 1, "tokenizer", "step", "max", "codes", false,
            "exp of the entropy (nats) of the codes in the tokens of the validation images; mean over planes."}},
          [](const TokenizerEvidence& e, std::vector<Score>& scores) {
            double usage = 0, perplexity = 0;
            const auto counts = code_counts(e.ids_MN, e.layout);
            for (const at::Tensor& counts_K : counts) {
              usage += codebook_usage(counts_K) / static_cast<double>(counts.size());
              perplexity += codebook_perplexity(counts_K) / static_cast<double>(counts.size());
            }
            scores.push_back({"codebook_usage", usage, {}});
            scores.push_back({"codebook_perplexity", perplexity, {}});
          }};
}

}  // namespace tessera
