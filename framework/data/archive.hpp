// Members of a tar archive of any compression (libarchive), read once from front to back.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

namespace tessera {

// Calls visit(name, bytes) for every regular file. Throws Error(bad_config) "<path>: …" where it is no archive or damaged.
void read_archive(const std::filesystem::path& path, const std::function<void(const std::string&, std::string)>& visit);
// Reads no further than the first header.
void check_archive(const std::filesystem::path& path);

}  // namespace tessera
