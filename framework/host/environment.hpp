// What a run's numbers depend on beside its options: recorded with every run, compared by `compare`.
#pragma once
#include "core/json.hpp"

namespace tessera {

// {"tessera", "build", "torch", "compiler", "cpu", "isa", "threads", "device", "os"}
Json describe_environment();

}  // namespace tessera
