// Asking plugin libraries who they are, in a child that may crash, hang or leave (DESIGN §3). One child opens many; it says
// which one it begins, so that one is blamed when the child ends, and a new child goes on behind it.
#pragma once
#include <filesystem>
#include <vector>

#include "core/json.hpp"
#include "registry/catalog/search_path.hpp"

namespace tessera {

// One line a file, in order: {"type":"plugin",…} or {"type":"refused","file","reason"}; "unsure":true where another try may end
// differently (a time-out, a kill from outside). Throws Error(run_failed) where the host itself does not start.
std::vector<Json> probe_files(const CatalogSettings& settings, const std::vector<std::filesystem::path>& files);

// The engine manifest of `tessera-host --engine`. Throws Error(run_failed).
Json ask_engine(const CatalogSettings& settings);

}  // namespace tessera
