// What the engine declares: stages, options of its sections, data sources, metrics. The front learns it through the host.
#pragma once
#include "core/json.hpp"
#include "tessera/descriptor.h"

namespace tessera {

Json engine_manifest();
// One option as the manifest writes it.
Json option_json(const tessera_option& option);

}  // namespace tessera
