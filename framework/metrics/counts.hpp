// The N behind every number.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

TokenizerMetric image_count_metric();
PriorMetric sequence_count_metric();
SamplesMetric sample_count_metric();

}  // namespace tessera
