#include "data/image_folder.hpp"

#include <algorithm>
#include <cctype>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/hash.hpp"
#include "data/refuse_file.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr size_t kWatchedFiles = 4096;

bool is_image_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

void collect(ImageFolder& found) {
  fs::recursive_directory_iterator entry(found.root), end;
  for (; entry != end; ++entry) {
    const fs::path& path = entry->path();
    const bool folder = entry->is_directory() && !entry->is_symlink();
    if (path.filename().string().front() == '.') {
      if (folder) entry.disable_recursion_pending();
    } else if (folder) {
      found.folders.push_back(path);
    } else if (is_image_name(path)) {
      found.names.push_back(path.lexically_relative(found.root).generic_string());
    }
  }
}

}  // namespace

ImageFolder list_images(const fs::path& root) {
  if (!fs::is_directory(root)) refuse_file(root, "found no folder, expected a folder of PNG or JPEG files");
  ImageFolder found{root, {}, {root}};
  try {
    collect(found);
  } catch (const fs::filesystem_error& error) {
    refuse_file(error.path1().empty() ? root : error.path1(), "cannot be read: " + error.code().message());
  }
  if (found.names.empty()) refuse_file(root, "found no image, expected PNG or JPEG files in it or in its sub-folders");
  std::sort(found.names.begin(), found.names.end());
  std::sort(found.folders.begin(), found.folders.end());
  return found;
}

std::string read_image_file(const fs::path& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) refuse_file(path, "cannot be read: " + (code ? code.message() : std::string("not a file")));
  try {
    return read_file(path);
  } catch (const Error& error) {
    throw Error(ExitCode::bad_config, error.what());
  }
}

std::string hash_images(const ImageFolder& folder) {
  Sha256 hash;
  for (const auto& name : folder.names) {
    const std::string line = name + '\0' + sha256(read_image_file(folder.root / name)) + '\n';
    hash.update(line.data(), line.size());
  }
  return hash.hex();
}

std::vector<fs::path> watch_list(const ImageFolder& folder) {
  std::vector<fs::path> result = folder.folders;
  if (folder.names.size() <= kWatchedFiles) {
    for (const auto& name : folder.names) result.push_back(folder.root / name);
  }
  return result;
}

}  // namespace tessera
