// What a metric's file gives to the list in metric.cpp.
#pragma once
#include <vector>

#include "metrics/metric.hpp"

namespace tessera {

// Evidence about samples with the features of all images, made once and shared by the metrics that need them.
struct SamplesStudy {
  SamplesEvidence samples;
  ReferenceEvidence reference;
  at::Tensor features_MF, train_features_MF, validation_features_MF;  // of random_features(), float64
};

// `measure` appends a score for each of its declarations that the evidence allows, in their order.
template <class Evidence>
struct Metric {
  std::vector<MetricDeclaration> declarations;
  void (*measure)(const Evidence& evidence, std::vector<Score>& scores);
  bool calibrated = false;  // samples only: repeated for the calibration rows
};
using TokenizerMetric = Metric<TokenizerEvidence>;
using PriorMetric = Metric<PriorEvidence>;
using SamplesMetric = Metric<SamplesStudy>;

// A per-sample score and, before it, its mean over the samples where it is defined.
void add_mean_and_samples(const std::string& id, const at::Tensor& sample_M, std::vector<Score>& scores);

}  // namespace tessera
