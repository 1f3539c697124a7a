// Counts what the network really computed. Attention blocks add to it; sessions read differences. One trial thread.
#pragma once
#include <cstdint>

#include "tessera/api.hpp"

namespace tessera {

struct Cost {
  int64_t evaluations = 0;     // forward passes of the network
  int64_t token_forwards = 0;  // rows x tokens that went through it, guidance rows included
  Cost operator-(const Cost& o) const { return {evaluations - o.evaluations, token_forwards - o.token_forwards}; }
  Cost& operator+=(const Cost& o) {
    evaluations += o.evaluations;
    token_forwards += o.token_forwards;
    return *this;
  }
};

// The running total of this thread. A network adds one evaluation a forward pass; its first attention block adds the tokens.
TESSERA_API Cost& cost_meter();

}  // namespace tessera
