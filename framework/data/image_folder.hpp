// The image files below a folder, and one hash of all of them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

struct ImageFolder {
  std::filesystem::path root;
  std::vector<std::string> names;              // below root, with '/', sorted by bytes
  std::vector<std::filesystem::path> folders;  // root and all below it
};

// Names that end in .png, .jpg or .jpeg (any case); links to folders are not followed. Throws Error(bad_config) where the folder
// is missing, unreadable or without images.
ImageFolder list_images(const std::filesystem::path& root);
// SHA-256 over every name and content.
std::string hash_images(const ImageFolder& folder);
// Throws Error(bad_config) "<root>/<name>: …".
std::string read_image_file(const std::filesystem::path& path);
// What to watch: folders, and the files while they are at most 4,096. Of a larger folder a file changed in place goes unnoticed
// until the stage itself looks.
std::vector<std::filesystem::path> watch_list(const ImageFolder& folder);

}  // namespace tessera
