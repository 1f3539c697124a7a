// Answers for one setting of an experiment: builds the real modules and says what they are, or why they cannot be.
#pragma once
#include "core/json.hpp"
#include "engine/plugin_factory.hpp"

namespace tessera {

// `settings` as the front resolved them; answer as the host prints it, without type and id.
Json check_settings(const Json& settings, PluginFactory& plugins);

}  // namespace tessera
