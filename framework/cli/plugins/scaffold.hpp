// A new plugin: one file that builds as it stands and keeps the laws of its kind, and the CMakeLists.txt that builds it out
// of tree. The texts are the shortest plugin of each kind, written to be changed.
#pragma once
#include <filesystem>
#include <string>

namespace tessera {

// Writes <parent>/<id>/{<id>.cpp, CMakeLists.txt} and returns the folder. Throws Error(bad_config) on an unknown kind, an id
// that is no lower-case name, and where the folder exists.
std::filesystem::path write_scaffold(const std::string& kind, const std::string& id, const std::filesystem::path& parent);

}  // namespace tessera
