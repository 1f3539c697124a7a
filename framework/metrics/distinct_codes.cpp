#include "metrics/distinct_codes.hpp"

#include <ATen/Functions.h>

#include "metrics/code_counts.hpp"

namespace tessera {

at::Tensor distinct_codes(const at::Tensor& ids_MN, const TokenLayout& layout) {
  at::Tensor result_M = at::zeros({ids_MN.size(0)}, at::kDouble);
  for (size_t plane = 0; plane < layout.planes().size(); plane++) {
    const at::Tensor sorted = std::get<0>(plane_ids(ids_MN, layout, static_cast<int64_t>(plane)).sort(1));
    result_M += sorted.slice(1, 1).ne(sorted.slice(1, 0, -1)).sum(1).add(1).to(at::kDouble);
  }
  return result_M;
}

SamplesMetric distinct_codes_metric() {
  return {{{"distinct_codes", 1, "samples", "step", "none", "codes", false,
            "Number of different codes in one image, planes counted apart; mean over samples. Compare with the row `real`."},
           {"distinct_codes_sample", 1, "samples", "sample", "none", "codes", false, "distinct_codes of one sample."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            add_mean_and_samples("distinct_codes", distinct_codes(s.samples.ids_MN, s.reference.layout), scores);
          },
          true};
}

}  // namespace tessera
