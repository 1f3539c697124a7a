// The data stage end to end on small folders, its file, and batches.
#include <torch/torch.h>

#include "data/batch.hpp"
#include "data/data_set.hpp"
#include "data/tensor_file.hpp"
#include "scratch.hpp"

namespace tessera {
namespace {

class DataSetTest : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    for (int i = 0; i < 20; i++) {
      // Steps of 12 in 255: an MSE of 2.2e-3, so no two are duplicates.
      const std::string name = (i % 2 ? "cat/" : "dog/") + std::to_string(100 + i) + ".png";
      write(name, encode_png(plain_image(8, 8, 3, static_cast<uint8_t>(12 * i), static_cast<uint8_t>(12 * i))));
    }
  }
  DataSet make(const DataOptions& options) const {
    OptionValues values;
    values.set("path", root_.string());
    values.set("size", int64_t{8});
    return make_data_set(data_source("folder"), values, options);
  }
};

TEST_F(DataSetTest, SplitsAndLabels) {
  const DataSet data = make({});
  EXPECT_EQ(data.validation.size(), 2);
  EXPECT_EQ(data.train.size(), 18);
  EXPECT_EQ(data.test.size(), 0);
  EXPECT_EQ(data.groups, 20);
  EXPECT_EQ(data.class_names, (std::vector<std::string>{"cat", "dog"}));
  for (int64_t i = 0; i < data.train.size(); i++) {
    const std::string& name = data.train.names[static_cast<size_t>(i)];
    EXPECT_EQ(data.train.labels_M[i].item<int64_t>(), name[0] == 'c' ? 0 : 1) << name;
    EXPECT_EQ(data.train.images_MCHW[i][0][3][3].item<int>(), 12 * (std::stoi(name.substr(4)) - 100)) << name;
  }
}

TEST_F(DataSetTest, DuplicatesStayOnOneSide) {
  write("dog/copy.png", read_file(root_ / "dog/100.png"));
  for (int64_t seed = 0; seed < 10; seed++) {
    DataOptions options;
    options.split_seed = seed;
    const DataSet data = make(options);
    EXPECT_EQ(data.groups, 20);
    int sides = 0;
    for (const Subset* part : {&data.train, &data.validation}) {
      const auto has = [&](const char* name) { return std::count(part->names.begin(), part->names.end(), name); };
      EXPECT_EQ(has("dog/100.png"), has("dog/copy.png"));
      sides += has("dog/copy.png") > 0;
    }
    EXPECT_EQ(sides, 1);
  }
}

TEST_F(DataSetTest, ClassesCanBeLeftOut) {
  DataOptions options;
  options.classes = false;
  const DataSet data = make(options);
  EXPECT_EQ(data.classes(), 0);
  EXPECT_TRUE(data.train.labels_M.eq(-1).all().item<bool>());
  write("stray.png", read_file(root_ / "dog/100.png"));
  EXPECT_EQ(error_of([&] { make({}); }),
            "image 'stray.png' has no class while others have one; move it into a class folder or set data.classes = false");
  EXPECT_EQ(make(options).train.size() + make(options).validation.size(), 21);
}

TEST_F(DataSetTest, SaysWhenNothingIsLeftForValidation) {
  DataOptions options;
  options.validation = 0.001;
  EXPECT_EQ(error_of([&] { make(options); }),
            "found no validation image among 20 images in 20 content groups, expected at least one; add images or change "
            "data.validation, data.group_limit or data.duplicates");
}

TEST_F(DataSetTest, FileRoundTripsAndIsTheSameTwice) {
  const DataSet data = make({});
  save_data_set(data, root_ / "a.safetensors");
  save_data_set(make({}), root_ / "b.safetensors");
  EXPECT_EQ(read_file(root_ / "a.safetensors"), read_file(root_ / "b.safetensors"));
  const DataSet found = load_data_set(root_ / "a.safetensors");
  EXPECT_TRUE(found.train.images_MCHW.equal(data.train.images_MCHW));
  EXPECT_TRUE(found.validation.labels_M.equal(data.validation.labels_M));
  EXPECT_EQ(found.train.names, data.train.names);
  EXPECT_EQ(found.class_names, data.class_names);
  EXPECT_EQ(found.groups, 20);
  EXPECT_EQ(found.image().width, 8);
  EXPECT_EQ(found.test.size(), 0);
}

TEST_F(DataSetTest, DamagedFileIsNamed) {
  const std::string path = (root_ / "x.safetensors").string();
  save_tensors(path, {{"train_images", at::zeros({2, 3, 8, 8}, at::kByte)}}, {{"groups", "1"}});
  EXPECT_EQ(error_of([&] { load_data_set(path); }), path + ": has no tensor 'train_labels'");
  save_tensors(path, {{"train_images", at::zeros({2, 3, 8, 8}, at::kByte)}, {"train_labels", at::zeros({3}, at::kLong)}},
               {{"train_names", "[\"a\",\"b\"]"}});
  EXPECT_EQ(error_of([&] { load_data_set(path); }), path + ": train_images, train_labels and train_names do not fit each other");
  save_tensors(path, {{"train_images", at::zeros({2, 3, 8, 8}, at::kByte)}, {"train_labels", at::zeros({2}, at::kLong)}},
               {{"train_names", "7"}});
  EXPECT_EQ(error_of([&] { load_data_set(path); }), path + ": metadata 'train_names' has another type than expected");
}

TEST_F(DataSetTest, TensorFilesKeepTypeShapeAndEmptiness) {
  const auto path = root_ / "t.safetensors";
  const std::map<std::string, at::Tensor> tensors = {{"half", at::ones({2, 3}, at::kHalf)},
                                                     {"flag", at::ones({3}, at::kBool)},
                                                     {"strided", at::arange(6, at::kInt).view({2, 3}).t()},
                                                     {"none", at::zeros({0, 4}, at::kFloat)},
                                                     {"scalar", at::full({}, 2.5, at::kDouble)}};
  save_tensors(path, tensors, {{"k", "v"}});
  const TensorFile file = load_tensors(path);
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(file.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(file.at(name).equal(tensor)) << name;
  }
  EXPECT_EQ(file.metadata.at("k"), "v");
  EXPECT_EQ(error_of([&] { file.at("absent"); }), path.string() + ": has no tensor 'absent'");
  EXPECT_EQ(error_of([&] {
              save_tensors(path, {{"c", at::zeros({1}, at::kComplexFloat)}});
            }),
            "tensor 'c': safetensors has no type for ComplexFloat");
}

TEST(Batch, BytesSurviveTheRoundTrip) {
  const at::Tensor bytes = at::arange(256).to(at::kByte).view({1, 1, 16, 16});
  EXPECT_TRUE(to_bytes(to_float(bytes)).equal(bytes));
  EXPECT_EQ(to_float(bytes).min().item<float>(), -1);
  EXPECT_EQ(to_float(bytes).max().item<float>(), 1);
  EXPECT_EQ(to_bytes(at::full({1}, 7.0f)).item<int>(), 255) << "clamped";
  EXPECT_EQ(to_bytes(at::full({1}, -7.0f)).item<int>(), 0);
}

TEST(Batch, GatherTakesRowsInOrder) {
  Subset subset{at::arange(5).to(at::kByte).mul(51).view({5, 1, 1, 1}).expand({5, 3, 2, 2}).contiguous(), at::zeros({5}, at::kLong), {}};
  const at::Tensor x = gather_images(subset, at::tensor({4, 0}, at::kLong));
  EXPECT_NEAR(x[0].mean().item<float>(), 0.6, 1e-6);
  EXPECT_EQ(x[1].mean().item<float>(), -1);
}

TEST(Batch, FlipIsItsOwnInverse) {
  const at::Tensor x = at::rand({2, 3, 4, 4});
  EXPECT_TRUE(view_of(x, "identity").equal(x));
  EXPECT_FALSE(view_of(x, "flip").equal(x));
  EXPECT_EQ(view_of(x, "flip")[0][0][1][0].item<float>(), x[0][0][1][3].item<float>());
  EXPECT_TRUE(view_of(view_of(x, "flip"), "flip").equal(x));
  EXPECT_THROW(view_of(x, "mirror"), std::invalid_argument);
}

TEST(Augment, IsOffByDefault) {
  const at::Tensor x = at::rand({2, 3, 4, 4});
  EXPECT_TRUE(augment(x, {}, Noise(0, "test")).is_same(x));
}

TEST(Augment, FlipsAboutHalfOfTheRows) {
  DataOptions options;
  options.random_flip = true;
  const at::Tensor x = at::rand({400, 3, 4, 4});
  const at::Tensor y = augment(x, options, Noise(0, "test"));
  const at::Tensor kept_B = y.eq(x).flatten(1).all(1), flipped_B = y.eq(x.flip({3})).flatten(1).all(1);
  EXPECT_TRUE(kept_B.logical_xor(flipped_B).all().item<bool>()) << "either the one or the other, whole";
  EXPECT_NEAR(flipped_B.sum().item<int64_t>(), 200, 50);
  // Row b depends on (noise, b) alone.
  EXPECT_TRUE(augment(x.slice(0, 0, 7), options, Noise(0, "test")).equal(y.slice(0, 0, 7)));
}

TEST(Augment, ShiftsByUpToItsReachAndRepeatsTheEdge) {
  DataOptions options;
  options.random_shift = 2;
  // The value of a pixel says where it was.
  const at::Tensor x = at::arange(100, at::kFloat).view({1, 1, 10, 10}).expand({300, 3, 10, 10}).contiguous();
  const at::Tensor y = augment(x, options, Noise(1, "test"));
  const at::Tensor offset_B = y.select(1, 0).select(1, 5).select(1, 5) - 55;
  std::set<int> seen;
  for (int64_t b = 0; b < 300; b++) {
    const int offset = static_cast<int>(offset_B[b].item<float>()), row = static_cast<int>(std::lround(offset / 10.0)),
              column = offset - 10 * row;
    ASSERT_LE(std::max(std::abs(row), std::abs(column)), 2);
    seen.insert(offset);
    const at::Tensor corner = y[b][2][0][0];
    EXPECT_EQ(corner.item<float>(), static_cast<float>(10 * std::max(row, 0) + std::max(column, 0)));
  }
  EXPECT_EQ(seen.size(), 25u);
}

TEST(DataOptionsTable, SourceChoicesAreTheRegisteredSources) {
  OptionTable table;
  DataOptions options;
  options.visit(table);
  ASSERT_STREQ(table.data()[0].name, "source");
  std::vector<std::string> choices;
  for (auto choice = table.data()[0].choices; *choice; choice++) choices.push_back(*choice);
  EXPECT_EQ(choices, data_source_ids());
  EXPECT_EQ(choices, (std::vector<std::string>{"emoji", "folder", "cifar10"}));
  EXPECT_THROW(data_source("imagenet"), std::out_of_range);
}

}  // namespace
}  // namespace tessera
