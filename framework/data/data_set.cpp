#include "data/data_set.hpp"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <map>
#include <set>

#include "core/json.hpp"
#include "data/duplicates.hpp"
#include "data/split.hpp"
#include "data/tensor_file.hpp"

namespace tessera {
namespace {

// The class of an image is known, or no image has one.
void check_labels(const RawImages& raw) {
  for (size_t i = 0; i < raw.labels.size(); i++) {
    if (raw.labels[i] < 0) {
      throw DataError("classes", fmt::format("image '{}' has no class while others have one; move it into a class folder or set "
                                             "data.classes = false",
                                             raw.names[i]));
    }
  }
}

DisjointSets content_groups(const RawImages& raw, double duplicates) {
  DisjointSets sets(static_cast<int64_t>(raw.names.size()));
  std::map<std::string, int64_t> first_of;
  for (size_t i = 0; i < raw.groups.size(); i++) {
    if (raw.groups[i].empty()) continue;
    const auto [entry, is_new] = first_of.emplace(raw.groups[i], static_cast<int64_t>(i));
    if (!is_new) sets.unite(entry->second, static_cast<int64_t>(i));
  }
  unite_duplicates(raw.images_MCHW, duplicates, sets);
  return sets;
}

// Labels are left out where data.classes is off.
Subset take(const RawImages& raw, const std::vector<Split>& splits, Split split, bool classes) {
  std::vector<int64_t> index, labels;
  Subset subset;
  for (size_t i = 0; i < splits.size(); i++) {
    if (splits[i] != split) continue;
    index.push_back(static_cast<int64_t>(i));
    labels.push_back(classes ? raw.labels[i] : -1);
    subset.names.push_back(raw.names[i]);
  }
  subset.images_MCHW = raw.images_MCHW.index_select(0, at::tensor(index, at::kLong));
  subset.labels_M = at::tensor(labels, at::kLong);
  return subset;
}

const char* kSubsetNames[] = {"train", "validation", "test"};

template <class Data>
auto subsets_of(Data& data) {
  return std::vector{&data.train, &data.validation, &data.test};
}

}  // namespace

ImageShape DataSet::image() const { return {train.images_MCHW.size(1), train.images_MCHW.size(2), train.images_MCHW.size(3)}; }

DataSet make_data_set(const DataSource& source, const OptionValues& values, const DataOptions& options) {
  RawImages raw = source.load(values);
  const bool classes = options.classes && !raw.class_names.empty();
  if (classes) check_labels(raw);
  // Related test images are no reason to keep train images together, but duplicates among them are found all the same.
  DisjointSets sets = content_groups(raw, options.duplicates);
  std::vector<bool> test(raw.names.size());
  std::set<int64_t> groups, groups_in_test;
  for (size_t i = 0; i < raw.names.size(); i++) {
    test[i] = raw.splits[i] == GivenSplit::test;
    const int64_t group = sets.first(static_cast<int64_t>(i));
    groups.insert(group);
    if (test[i]) groups_in_test.insert(group);
  }
  const auto splits = split_groups(sets, test, {options.split_seed, options.validation, options.group_limit});

  DataSet data;
  data.train = take(raw, splits, Split::train, classes);
  data.validation = take(raw, splits, Split::validation, classes);
  data.test = take(raw, splits, Split::test, classes);
  if (classes) data.class_names = raw.class_names;
  data.groups = static_cast<int64_t>(groups.size());
  for (size_t i = 0; i < raw.names.size(); i++) {
    if (!test[i] && groups_in_test.count(sets.first(static_cast<int64_t>(i)))) data.near_test++;
  }
  for (const Subset* part : {&data.train, &data.validation}) {
    if (part->size() > 0) continue;
    throw DataError("validation", fmt::format("found no {} image among {} images in {} content groups, expected at least one; add images "
                                              "or change data.validation, data.group_limit or data.duplicates",
                                              part == &data.train ? "train" : "validation", raw.names.size(), groups.size()));
  }
  return data;
}

void save_data_set(const DataSet& data, const std::filesystem::path& path) {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata = {{"class_names", to_line(Json(data.class_names))},
                                                 {"groups", std::to_string(data.groups)},
                                                 {"near_test", std::to_string(data.near_test)}};
  const auto subsets = subsets_of(data);
  for (size_t i = 0; i < subsets.size(); i++) {
    if (subsets[i]->size() == 0) continue;
    const std::string name = kSubsetNames[i];
    tensors[name + "_images"] = subsets[i]->images_MCHW;
    tensors[name + "_labels"] = subsets[i]->labels_M;
    metadata[name + "_names"] = to_line(Json(subsets[i]->names));
  }
  save_tensors(path, tensors, metadata);
}

namespace {

std::string metadata_at(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) throw Error(ExitCode::run_failed, fmt::format("{}: has no metadata '{}'", file.path.string(), key));
  return found->second;
}

template <class T>
T json_at(const TensorFile& file, const std::string& key) {
  const Json value = parse_json(metadata_at(file, key), file.path.string() + ": " + key);
  try {
    return value.get<T>();
  } catch (const Json::exception&) {
    throw Error(ExitCode::run_failed, fmt::format("{}: metadata '{}' has another type than expected", file.path.string(), key));
  }
}

Subset load_subset(const TensorFile& file, const std::string& name) {
  Subset subset{file.at(name + "_images"), file.at(name + "_labels"), json_at<std::vector<std::string>>(file, name + "_names")};
  const auto& images = subset.images_MCHW;
  if (images.dim() != 4 || images.scalar_type() != at::kByte || images.size(1) != 3 || subset.labels_M.scalar_type() != at::kLong ||
      subset.labels_M.dim() != 1 || subset.labels_M.size(0) != images.size(0) ||
      static_cast<int64_t>(subset.names.size()) != images.size(0)) {
    throw Error(ExitCode::run_failed,
                fmt::format("{}: {}_images, {}_labels and {}_names do not fit each other", file.path.string(), name, name, name));
  }
  return subset;
}

}  // namespace

DataSet load_data_set(const std::filesystem::path& path) {
  const TensorFile file = load_tensors(path);
  DataSet data;
  const auto subsets = subsets_of(data);
  for (size_t i = 0; i < subsets.size(); i++) {
    const std::string name = kSubsetNames[i];
    if (i < 2 || file.tensors.count(name + "_images")) *subsets[i] = load_subset(file, name);
  }
  data.class_names = json_at<std::vector<std::string>>(file, "class_names");
  data.groups = json_at<int64_t>(file, "groups");
  data.near_test = json_at<int64_t>(file, "near_test");
  return data;
}

}  // namespace tessera
