// How far a completion is from the image whose part it was given. A sample may rightly differ: of use between strategies on the same
// known tokens, with the tokenizer's own l1 as the floor.
#pragma once
#include "metrics/declare.hpp"

namespace tessera {

SamplesMetric completion_l1_metric();

}  // namespace tessera
