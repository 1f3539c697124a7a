// First contact (DESIGN §3): nothing of a descriptor is used before what stands in front of it has been checked.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "core/json.hpp"
#include "tessera/descriptor.h"

namespace tessera {

// Why a library's answer is refused, one sentence; empty where it is sound. `stem`: the file's name without its ending.
std::optional<std::string> check_descriptors(const tessera_descriptor* descriptors, size_t count, const std::string& stem);
// "found torch=2.9.0, expected torch=2.11.0; found …" for the lines in which two fingerprints differ; "" where none does.
std::string fingerprint_difference(const std::string& found, const std::string& expected);
// Of a sound descriptor: the fields of the probe's line, without file and hash.
Json manifest_of(const tessera_descriptor& descriptor);

}  // namespace tessera
