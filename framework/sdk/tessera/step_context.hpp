// Where training stands when it calls a plugin.
#pragma once
#include <cstdint>

#include "tessera/noise.hpp"

namespace tessera {

struct StepContext {
  int64_t step = 0;   // optimizer steps done before this one
  int64_t steps = 1;  // planned in all
  Noise noise;        // keyed by (seed, stage, step, micro-batch)
};

}  // namespace tessera
