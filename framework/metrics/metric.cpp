#include "metrics/metric.hpp"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <stdexcept>

#include "metrics/bits_per_token.hpp"
#include "metrics/coarse_bigram.hpp"
#include "metrics/codebook.hpp"
#include "metrics/completion_l1.hpp"
#include "metrics/cost.hpp"
#include "metrics/counts.hpp"
#include "metrics/distinct_codes.hpp"
#include "metrics/frechet.hpp"
#include "metrics/l1.hpp"
#include "metrics/nearest_neighbour.hpp"
#include "metrics/precision_recall.hpp"
#include "metrics/psnr.hpp"
#include "metrics/random_features.hpp"
#include "metrics/ssim.hpp"
#include "metrics/unigram.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

const std::vector<TokenizerMetric>& tokenizer_metrics() {
  static const std::vector<TokenizerMetric> metrics = {psnr_metric(), ink_psnr_metric(), l1_metric(),
                                                       ssim_metric(), codebook_metric(), image_count_metric()};
  return metrics;
}

const std::vector<PriorMetric>& prior_metrics() {
  static const std::vector<PriorMetric> metrics = {bits_per_token_metric(), unigram_bits_metric(), sequence_count_metric()};
  return metrics;
}

const std::vector<SamplesMetric>& samples_metrics() {
  static const std::vector<SamplesMetric> metrics = {
      frechet_metric(),       precision_recall_metric(),   coarse_bigram_metric(), unigram_tv_metric(), distinct_codes_metric(),
      nearest_train_metric(), nearest_validation_metric(), completion_l1_metric(), cost_metric(),       sample_count_metric()};
  return metrics;
}

std::string calibration_id(const std::string& row, const std::string& id) { return row + "." + id; }

template <class Evidence>
std::vector<Score> measure_all(const std::vector<Metric<Evidence>>& metrics, const Evidence& evidence) {
  const at::NoGradGuard no_gradient;
  std::vector<Score> scores;
  for (const auto& metric : metrics) metric.measure(evidence, scores);
  return scores;
}

// Without samples: its reference half serves several.
SamplesStudy study_of(const ReferenceEvidence& reference) {
  const at::NoGradGuard no_gradient;
  return {{}, reference, {}, random_features(reference.train_images_MCHW), random_features(reference.validation_images_MCHW)};
}

std::vector<Score> measure_study(const std::vector<SamplesMetric>& metrics, SamplesStudy study, const SamplesEvidence& samples) {
  const at::NoGradGuard no_gradient;
  study.samples = samples;
  study.features_MF = random_features(samples.images_MCHW);
  return measure_all(metrics, study);
}

}  // namespace

void add_mean_and_samples(const std::string& id, const at::Tensor& sample_M, std::vector<Score>& scores) {
  scores.push_back({id, sample_M.nanmean().item<double>(), {}});
  scores.push_back({id + "_sample", 0, sample_M});
}

const std::vector<std::string>& calibration_row_names() {
  static const std::vector<std::string> names = {"real", "reconstructed", "shuffled"};
  return names;
}

const std::vector<MetricDeclaration>& metric_declarations() {
  static const std::vector<MetricDeclaration> all = [] {
    std::vector<MetricDeclaration> list;
    const auto add = [&](const auto& metrics) {
      for (const auto& metric : metrics) list.insert(list.end(), metric.declarations.begin(), metric.declarations.end());
    };
    add(tokenizer_metrics());
    add(prior_metrics());
    add(samples_metrics());
    for (const auto& row : calibration_row_names()) {
      for (const auto& metric : samples_metrics()) {
        for (MetricDeclaration declaration : metric.declarations) {
          if (!metric.calibrated) continue;
          declaration.subject = "calibration";
          declaration.id = calibration_id(row, declaration.id);
          declaration.goal = "none";
          list.push_back(declaration);
        }
      }
    }
    return list;
  }();
  return all;
}

const MetricDeclaration& metric_declaration(const std::string& subject, const std::string& id) {
  for (const auto& declaration : metric_declarations()) {
    if (declaration.subject == subject && declaration.id == id) return declaration;
  }
  throw std::out_of_range("no metric '" + id + "' of " + subject);
}

std::vector<Score> measure_tokenizer(const TokenizerEvidence& evidence) { return measure_all(tokenizer_metrics(), evidence); }

std::vector<Score> measure_prior(const PriorEvidence& evidence) { return measure_all(prior_metrics(), evidence); }

std::vector<Score> measure_cost(const SamplesEvidence& evidence) {
  std::vector<Score> scores;
  cost_metric().measure({evidence, {}, {}, {}, {}}, scores);
  return scores;
}

std::vector<Score> measure_samples(const SamplesEvidence& evidence, const ReferenceEvidence& reference) {
  std::vector<SamplesMetric> metrics;
  for (const auto& metric : samples_metrics())
    if (!evidence.originals_MCHW.defined() || !metric.calibrated) metrics.push_back(metric);
  return measure_study(metrics, study_of(reference), evidence);
}

CalibrationRows calibration_rows(const ReferenceEvidence& reference, int64_t count) {
  const Noise noise(0, "metrics");
  CalibrationRows rows;
  rows.index_M = noise.permutation(reference.train_ids_MN.size(0), "calibration").slice(0, 0, count);
  rows.ids_MN = reference.train_ids_MN.index_select(0, rows.index_M);
  rows.shuffled_ids_MN = rows.ids_MN.clone();
  for (size_t plane = 0; plane < reference.layout.planes().size(); plane++) {
    const int64_t begin = reference.layout.offset(static_cast<int64_t>(plane)), end = begin + reference.layout.planes()[plane].positions();
    for (int64_t row = 0; row < rows.ids_MN.size(0); row++) {
      const at::Tensor order = noise.at(row, static_cast<int64_t>(plane)).permutation(end - begin, "shuffle");
      rows.shuffled_ids_MN[row].slice(0, begin, end) = rows.ids_MN[row].slice(0, begin, end).index_select(0, order);
    }
  }
  return rows;
}

std::vector<Score> measure_calibration(const CalibrationRows& rows, const at::Tensor& reconstructed_MCHW, const at::Tensor& shuffled_MCHW,
                                       const ReferenceEvidence& reference) {
  const std::vector<SamplesEvidence> evidence = {{reference.train_images_MCHW.index_select(0, rows.index_M), rows.ids_MN, {}, 0, 0, 0},
                                                 {reconstructed_MCHW, rows.ids_MN, {}, 0, 0, 0},
                                                 {shuffled_MCHW, rows.shuffled_ids_MN, {}, 0, 0, 0}};
  std::vector<SamplesMetric> calibrated;
  for (const auto& metric : samples_metrics()) {
    if (metric.calibrated) calibrated.push_back(metric);
  }
  const SamplesStudy study = study_of(reference);
  std::vector<Score> scores;
  for (size_t row = 0; row < evidence.size(); row++) {
    for (Score& score : measure_study(calibrated, study, evidence[row])) {
      score.id = calibration_id(calibration_row_names()[row], score.id);
      scores.push_back(std::move(score));
    }
  }
  return scores;
}

}  // namespace tessera
