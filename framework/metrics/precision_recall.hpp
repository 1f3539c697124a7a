// Improved precision and recall (1904.06991): which part of one set lies in the union of balls around the other, each ball as
// wide as the distance to its centre's k-th neighbour.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

struct PrecisionRecall {
  double precision = 0, recall = 0;
};
// More than k rows each.
PrecisionRecall precision_recall(const at::Tensor& samples_MF, const at::Tensor& real_LF, int64_t k);
SamplesMetric precision_recall_metric();

}  // namespace tessera
