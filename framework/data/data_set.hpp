// The data stage: images of a source, split by content, and the file that later stages read.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/source.hpp"
#include "tessera/options.hpp"

namespace tessera {

// Of sources, splitter and file together; raise it when the images or their split change.
inline constexpr int64_t kDataRevision = 1;

// Section `data`, common to all sources. Effect architecture: shapes the data stage. Effect training: used by the stages
// that read it (views by `tokens`, random_* by the tokenizer's training); validation images are never changed.
struct DataOptions {
  std::string source = "emoji";
  int64_t split_seed = 0;
  double validation = 0.1;
  double duplicates = 1e-3;
  int64_t group_limit = 120;
  bool classes = true;
  std::vector<std::string> views = {"identity"};
  bool random_flip = false;
  int64_t random_shift = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("source", source, "Where the images come from.", Effect::architecture, one_of(data_source_ids()));
    v("split_seed", split_seed, "Seed of the split into train and validation.", Effect::architecture, at_least(0));
    v("validation", validation, "Part of the images, by content group, that validation gets.", Effect::architecture, range(0.001, 0.9));
    v("duplicates", duplicates, "Images whose pixels (in [0, 1]) differ by a smaller mean squared error stay on one side; 0 = off.",
      Effect::architecture, range(0, 0.1));
    v("group_limit", group_limit, "Content groups with more images than this stay in train.", Effect::architecture, at_least(1));
    v("classes", classes, "Label the images with the source's classes; off, the prior is unconditional.", Effect::architecture);
    v("views", views, "Views of the train images that are tokenized for the prior.", Effect::training, one_of({"identity", "flip"}));
    v("random_flip", random_flip, "Flip a tokenizer's training images left to right at random.", Effect::training);
    v("random_shift", random_shift, "Shift a tokenizer's training images by up to so many pixels, edges repeated.", Effect::training,
      range(0, 64));
  }
};

// Rows of one split; size() may be 0 for test.
struct Subset {
  at::Tensor images_MCHW;          // uint8
  at::Tensor labels_M;             // int64, -1 = none
  std::vector<std::string> names;  // of the source, e.g. "u1f600" or "cat/0001.jpg"
  int64_t size() const { return images_MCHW.defined() ? images_MCHW.size(0) : 0; }
};

struct DataSet {
  Subset train, validation, test;
  std::vector<std::string> class_names;  // empty = unconditional
  int64_t groups = 0;                    // content groups that the split was made of
  int64_t near_test = 0;                 // train and validation images that have a relative in a test split the source gives
  ImageShape image() const;
  int64_t classes() const { return static_cast<int64_t>(class_names.size()); }
};

// Loads and splits. The same source content, values and options give the same bytes. Throws DataError that
// names the file, or the option that leaves a split without images.
DataSet make_data_set(const DataSource& source, const OptionValues& values, const DataOptions& options);

// images.safetensors: {train,validation,test}_images U8 MCHW, {…}_labels I64; metadata class_names, {…}_names as JSON lists,
// groups, near_test. `test_…` only where there is a test split. Written whole or not at all.
void save_data_set(const DataSet& data, const std::filesystem::path& path);
// Throws Error(run_failed) where the file is damaged.
DataSet load_data_set(const std::filesystem::path& path);

}  // namespace tessera
