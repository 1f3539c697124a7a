// What samples cost.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

SamplesMetric cost_metric();

}  // namespace tessera
