#include "metrics/coarse_bigram.hpp"

#include <ATen/Functions.h>

#include <algorithm>

#include "metrics/code_counts.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

at::Tensor squared_distances(const at::Tensor& x_KD, const at::Tensor& centres_CD) {
  return (x_KD.square().sum(1, true) + centres_CD.square().sum(1).unsqueeze(0) - 2 * x_KD.matmul(centres_CD.t())).clamp_min(0);
}

// k-means++ (Arthur & Vassilvitskii 2007) with one candidate a round.
at::Tensor start_centres(const at::Tensor& x_KD) {
  const at::Tensor draw = Noise(0, "metrics").uniform({kCoarseCodes}, "coarse_codes").to(at::kDouble);
  at::Tensor centres = x_KD.slice(0, 0, 1);
  for (int64_t i = 1; i < kCoarseCodes; i++) {
    const at::Tensor cumulative = std::get<0>(squared_distances(x_KD, centres).min(1)).cumsum(0);
    const at::Tensor chosen = at::searchsorted(cumulative, draw[i] * cumulative[-1]).clamp_max(x_KD.size(0) - 1);
    centres = at::cat({centres, x_KD.index_select(0, chosen.view({1}))});
  }
  return centres;
}

// Of positions a step apart along one axis of the plane.
at::Tensor count_pairs(const at::Tensor& first, const at::Tensor& second) {
  return at::bincount((first * kCoarseCodes + second).flatten(), {}, kCoarseCodes * kCoarseCodes).to(at::kDouble);
}

}  // namespace

at::Tensor coarse_codes(const at::Tensor& codes_KD, int64_t vocabulary) {
  const at::Tensor index_K = at::arange(vocabulary, at::kLong);
  if (vocabulary <= kCoarseCodes) return index_K;
  if (!codes_KD.defined()) return at::div(index_K * kCoarseCodes, vocabulary, "floor");
  const at::Tensor x_KD = codes_KD.detach().cpu().to(at::kDouble);
  at::Tensor centres = start_centres(x_KD), assignment;
  for (int round = 0; round < 50; round++) {
    const at::Tensor nearest = squared_distances(x_KD, centres).argmin(1);
    if (assignment.defined() && nearest.equal(assignment)) break;
    assignment = nearest;
    const at::Tensor member_CK = assignment.unsqueeze(0).eq(at::arange(kCoarseCodes).unsqueeze(1)).to(at::kDouble);
    const at::Tensor size_C1 = member_CK.sum(1, true);
    // An empty cluster keeps its centre.
    centres = at::where(size_C1.gt(0), member_CK.matmul(x_KD) / size_C1.clamp_min(1), centres);
  }
  return assignment;
}

Bigrams count_bigrams(const at::Tensor& coarse_MN, const Plane& plane) {
  if (!plane.spatial) return {count_pairs(coarse_MN.slice(1, 0, -1), coarse_MN.slice(1, 1)), {}};
  const at::Tensor grid = coarse_MN.view({coarse_MN.size(0), plane.height, plane.width});
  return {count_pairs(grid.slice(2, 0, -1), grid.slice(2, 1)), count_pairs(grid.slice(1, 0, -1), grid.slice(1, 1))};
}

SamplesMetric coarse_bigram_metric() {
  return {{{"coarse_bigram_tv", 1, "samples", "step", "min", "", false,
            "Total variation between samples and validation of the pairs of neighbouring codes, codes clustered to 16 by k-means of "
            "their vectors (equal index ranges where there are none); mean of across and down, then over planes of more than one token."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            const auto& layout = s.reference.layout;
            double sum = 0, terms = 0;
            for (size_t p = 0; p < layout.planes().size(); p++) {
              const Plane& plane = layout.planes()[p];
              const at::Tensor codes = p < s.reference.codes_KD.size() ? s.reference.codes_KD[p] : at::Tensor();
              const at::Tensor coarse_K = coarse_codes(codes, plane.vocabulary);
              const auto count = [&](const at::Tensor& ids_MN) {
                const at::Tensor ids = plane_ids(ids_MN, layout, static_cast<int64_t>(p));
                return count_bigrams(coarse_K.index_select(0, ids.flatten()).view(ids.sizes()), plane);
              };
              const Bigrams a = count(s.samples.ids_MN), b = count(s.reference.validation_ids_MN);
              for (const auto& [of_a, of_b] : {std::pair(a.across, b.across), std::pair(a.down, b.down)}) {
                if (!of_a.defined() || of_a.sum().item<double>() == 0) continue;
                sum += total_variation(of_a, of_b);
                terms++;
              }
            }
            if (terms > 0) scores.push_back({"coarse_bigram_tv", sum / terms, {}});
          },
          true};
}

}  // namespace tessera
