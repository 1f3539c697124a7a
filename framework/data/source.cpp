#include "data/source.hpp"

#include <stdexcept>

#include "data/cifar10.hpp"
#include "data/emoji.hpp"
#include "data/folder.hpp"

namespace tessera {

const std::vector<DataSource>& data_sources() {
  static const std::vector<DataSource> sources = {
      describe_source<EmojiSource>(),
      describe_source<FolderSource>(),
      describe_source<Cifar10Source>(),
  };
  return sources;
}

std::vector<std::string> data_source_ids() {
  std::vector<std::string> ids;
  for (const auto& source : data_sources()) ids.push_back(source.id);
  return ids;
}

const DataSource& data_source(const std::string& id) {
  for (const auto& source : data_sources()) {
    if (source.id == id) return source;
  }
  throw std::out_of_range("no data source '" + id + "'");
}

}  // namespace tessera
