#include "data/folder.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <set>

#include "data/image_file.hpp"
#include "data/image_folder.hpp"
#include "data/image_tensor.hpp"

namespace tessera {
namespace {

// The sub-folder of the first level; empty for an image beside them.
std::string class_of(const std::string& name) {
  const auto slash = name.find('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// Sorted; empty where there are fewer than two.
std::vector<std::string> class_names_of(const std::vector<std::string>& names) {
  std::set<std::string> classes;
  for (const auto& name : names) classes.insert(class_of(name));
  classes.erase("");
  if (classes.size() < 2) return {};
  return {classes.begin(), classes.end()};
}

ImageFolder list(const std::string& path) {
  if (path.empty()) throw DataError("path", "found '', expected a folder of PNG or JPEG files");
  return blame("path", [&] { return list_images(path); });
}

}  // namespace

SourceFacts FolderSource::inspect() const {
  const ImageFolder folder = list(options_.path);
  return {blame("path", [&] { return hash_images(folder); }),
          watch_list(folder),
          {3, options_.size, options_.size},
          static_cast<int64_t>(class_names_of(folder.names).size())};
}

RawImages FolderSource::load() const {
  const ImageFolder folder = list(options_.path);
  const auto count = static_cast<int64_t>(folder.names.size());
  RawImages result;
  result.class_names = class_names_of(folder.names);
  result.images_MCHW = at::empty({count, 3, options_.size, options_.size}, at::kByte);
  for (int64_t i = 0; i < count; i++) {
    const std::string& name = folder.names[static_cast<size_t>(i)];
    blame("path", [&] {
      const Image8 image = decode_image(read_image_file(folder.root / name), (folder.root / name).string());
      store_image(resize_and_crop(image, options_.size), result.images_MCHW, i);
    });
    const auto found = std::find(result.class_names.begin(), result.class_names.end(), class_of(name));
    result.labels.push_back(found == result.class_names.end() ? -1 : found - result.class_names.begin());
  }
  result.names = folder.names;
  result.groups.resize(folder.names.size());
  result.splits.assign(folder.names.size(), GivenSplit::by_content);
  return result;
}

}  // namespace tessera
