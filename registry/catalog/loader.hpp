// The loading half of the catalog, used by the host alone: opens plugin libraries with Boost.DLL and never closes them, since an
// autograd graph may point into them.
#pragma once
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "tessera/descriptor.h"

namespace tessera {

// Opens a library and checks its descriptor. sha256: of the file, as the front saw it; "" = any. Throws Error(bad_plugin)
// "<file>: <reason>". The descriptor lives as long as the process.
const tessera_descriptor& load_plugin(const std::filesystem::path& file, const std::string& sha256);

// {"type":"plugin",…} or {"type":"refused","file","reason"}. May crash, hang or leave with the library: for children.
Json probe_file(const std::filesystem::path& file);
// For each file a begin line, then its manifest or its refusal, one JSON object a line.
void run_probe(const std::vector<std::filesystem::path>& files, std::ostream& out);

}  // namespace tessera
