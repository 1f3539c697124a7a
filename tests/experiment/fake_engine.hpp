// A test double of tessera-host and its plugins, torch-free: manifests, answers to --check, and (fake_host.cpp) stages that
// publish a small file. `behaviour` of a plugin says how its stage goes wrong.
#pragma once
#include <string>
#include <vector>

#include "core/json.hpp"

namespace tessera {

// Three arms that share a tokenizer, two of them a prior.
inline const std::string kThreeArms =
    "tokenizer.encoder.plugin = \"conv\"\ntokenizer.quantizer.plugin = \"vq\"\nprior.plugin = \"gpt\"\nsampling.plugin = \"scan_line\"\n"
    "baseline = \"causal\"\n[arm.causal]\n[arm.masked]\nprior.plugin = \"maskgit\"\nsampling.plugin = \"iterative_masking\"\n"
    "[arm.halton]\nprior.plugin = \"maskgit\"\nsampling.plugin = \"halton\"\n";

Json fake_engine_manifest();
std::vector<Json> fake_plugins();
// What the fake host answers to one --check request.
Json fake_answer(const Json& request);

}  // namespace tessera
