// Where plugins lie: built in, then --plugin-path, then the environment variable TESSERA_PLUGIN_PATH (folders, ':' between).
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/files.hpp"

namespace tessera {

// Where the catalog looks and what it may spend.
struct CatalogSettings {
  std::filesystem::path host = executable_folder() / "tessera-host";
  std::vector<std::filesystem::path> built_in = {executable_folder().parent_path() / "plugins",
                                                 executable_folder().parent_path() / "lib" / "tessera" / "plugins"};
  std::vector<std::filesystem::path> plugin_path;  // of the command line
  std::filesystem::path cache = cache_folder();
  std::chrono::seconds probe_limit{20};   // for one library
  std::chrono::seconds check_limit{120};  // for one setting
  uint64_t memory_limit = default_memory_limit();
  std::function<void(const std::string&)> notice;  // told of a question that keeps whoever asked waiting; may be empty

  // Half of the machine's memory, at least 2 GiB.
  static uint64_t default_memory_limit();
};

struct PluginFile {
  std::filesystem::path file;
  std::string kind_folder;  // "encoders" …; "" outside of one
};

// Libraries (*.so) of every folder of the path and of its kind folders, in the order of the path, by name within a folder, each
// file once. Throws Error(bad_config) where a folder that was asked for does not exist.
std::vector<PluginFile> find_plugin_files(const CatalogSettings& settings);

}  // namespace tessera
