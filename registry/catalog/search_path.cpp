#include "registry/catalog/search_path.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "core/error.hpp"
#include "registry/catalog/catalog.hpp"

namespace tessera {
namespace fs = std::filesystem;

uint64_t CatalogSettings::default_memory_limit() {
#ifdef TESSERA_ASAN
  return 0;  // AddressSanitizer maps more than any limit
#else
  uint64_t machine = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::max(machine / 2, uint64_t{2} << 30);
#endif
}

std::vector<PluginFile> find_plugin_files(const CatalogSettings& settings) {
  std::vector<PluginFile> files;
  std::set<fs::path> seen;
  auto add_folder = [&](const fs::path& folder, const std::string& kind_folder) {
    std::vector<fs::path> found;
    std::error_code error, ignored;
    for (fs::directory_iterator item(folder, error), end; !error && item != end; item.increment(error))
      if (item->path().extension() == ".so" && !item->is_directory(ignored)) found.push_back(item->path());
    if (error && error != std::errc::no_such_file_or_directory)
      throw Error(ExitCode::bad_config, fmt::format("plugin path {}: {}", folder.string(), error.message()));
    std::sort(found.begin(), found.end());
    for (const auto& file : found)
      if (seen.insert(fs::weakly_canonical(file, error)).second) files.push_back({file, kind_folder});
  };
  auto add_root = [&](const fs::path& root) {
    add_folder(root, "");
    for (const auto& kind : kPluginKinds) add_folder(root / kind.folder, kind.folder);
  };

  for (const auto& root : settings.built_in) add_root(root);
  auto asked_for = settings.plugin_path;
  const char* variable = std::getenv("TESSERA_PLUGIN_PATH");
  std::istringstream parts(variable ? variable : "");
  for (std::string part; std::getline(parts, part, ':');)
    if (!part.empty()) asked_for.push_back(part);
  for (const auto& root : asked_for) {
    std::error_code none;
    if (!fs::is_directory(root, none)) throw Error(ExitCode::bad_config, "plugin path " + root.string() + ": found no such folder");
    add_root(fs::absolute(root));
  }
  return files;
}

}  // namespace tessera
