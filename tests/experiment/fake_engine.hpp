// A test double of tessera-host and its plugins, torch-free: manifests, answers to --check, and (fake_host.cpp) stages that
// publish a small file. `behaviour` of a plugin says how its stage goes wrong.
#pragma once
#include <vector>

#include "core/json.hpp"

namespace tessera {

Json fake_engine_manifest();
std::vector<Json> fake_plugins();
// What the fake host answers to one --check request.
Json fake_answer(const Json& request);

}  // namespace tessera
