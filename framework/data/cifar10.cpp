#include "data/cifar10.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/hash.hpp"
#include "data/archive.hpp"
#include "data/image_file.hpp"
#include "data/image_folder.hpp"
#include "data/image_tensor.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kSize = 32;

// In the order of the original labels 0..9.
const std::vector<std::string>& cifar10_classes() {
  static const std::vector<std::string> classes = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                   "dog",      "frog",       "horse", "ship", "truck"};
  return classes;
}

struct Origin {
  GivenSplit split;
  int64_t label;
};

// Of "train/cat/0001.jpg".
Origin origin_of(const std::string& name, const std::string& path) {
  const auto first = name.find('/'), second = name.find('/', first + 1);
  const auto& classes = cifar10_classes();
  if (second != std::string::npos && name.find('/', second + 1) == std::string::npos) {
    const std::string part = name.substr(0, first);
    const auto found = std::find(classes.begin(), classes.end(), name.substr(first + 1, second - first - 1));
    if ((part == "train" || part == "test") && found != classes.end()) {
      return {part == "test" ? GivenSplit::test : GivenSplit::by_content, found - classes.begin()};
    }
  }
  throw DataError(
      "path",
      fmt::format("{}: found '{}', expected train/<class>/<name>.jpg or test/<class>/<name>.jpg with the classes of CIFAR-10", path, name));
}

// Sorted by name.
std::map<std::string, std::string> read_all(const std::string& path) {
  std::map<std::string, std::string> files;
  if (fs::is_directory(path)) {
    for (const auto& name : list_images(path).names) files[name] = read_image_file(fs::path(path) / name);
  } else {
    read_archive(path, [&](const std::string& name, std::string bytes) { files[name] = std::move(bytes); });
  }
  return files;
}

}  // namespace

SourceFacts Cifar10Source::inspect() const {
  const std::string& path = options_.path;
  if (!fs::exists(path)) {
    throw DataError(
        "path",
        fmt::format("found '{}', which does not exist, expected CIFAR-10 as a tar archive of JPEG files, or the folder that it unpacks to",
                    path));
  }
  return blame("path", [&]() -> SourceFacts {
    const ImageShape shape{3, kSize, kSize};
    const auto classes = static_cast<int64_t>(cifar10_classes().size());
    if (!fs::is_directory(path)) {
      check_archive(path);
      return {sha256_file(path), {path}, shape, classes};
    }
    const ImageFolder folder = list_images(path);
    return {hash_images(folder), watch_list(folder), shape, classes};
  });
}

RawImages Cifar10Source::load() const {
  const std::string& path = options_.path;
  const auto files = blame("path", [&] { return read_all(path); });
  RawImages result;
  result.class_names = cifar10_classes();
  result.images_MCHW = at::empty({static_cast<int64_t>(files.size()), 3, kSize, kSize}, at::kByte);
  for (const auto& [name, bytes] : files) {
    const Origin origin = origin_of(name, path);
    const std::string& image_name = name;
    const std::string& image_bytes = bytes;
    const Image8 image = blame("path", [&] { return decode_image(image_bytes, path + ": " + image_name); });
    if (image.height != kSize || image.width != kSize) {
      throw DataError("path", fmt::format("{}: {}: found {} x {} pixels, expected 32 x 32", path, name, image.width, image.height));
    }
    store_image(image, result.images_MCHW, static_cast<int64_t>(result.names.size()));
    result.names.push_back(name);
    result.labels.push_back(origin.label);
    result.splits.push_back(origin.split);
  }
  result.groups.resize(files.size());
  if (result.names.empty()) throw DataError("path", path + ": found no image, expected train/<class>/<name>.jpg");
  return result;
}

}  // namespace tessera
