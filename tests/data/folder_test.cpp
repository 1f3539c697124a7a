// The sources that read files: what they take, what they refuse and in which words.
#include <archive.h>
#include <archive_entry.h>
#include <torch/torch.h>

#include <algorithm>
#include <random>

#include "data/data_set.hpp"
#include "scratch.hpp"

namespace tessera {
namespace {

OptionValues values_of(const std::string& path, int64_t size = 8) {
  OptionValues values;
  values.set("path", path);
  values.set("size", size);
  return values;
}

class FolderSourceTest : public Scratch {
 protected:
  RawImages load() const { return data_source("folder").load(values_of(root_)); }
  SourceFacts inspect() const { return data_source("folder").inspect(values_of(root_)); }
  std::string path(const std::string& name) const { return (root_ / name).string(); }
};

TEST_F(FolderSourceTest, ReadsMixedSizesAndFormatsSortedByPath) {
  write("cat/b.PNG", encode_png(plain_image(20, 10, 3, 50)));
  write("cat/deep/a.jpeg", encode_jpeg(plain_image(8, 8, 3, 60)));
  write("dog/z.jpg", encode_jpeg(plain_image(9, 30, 1, 70), JCS_GRAYSCALE));
  write("dog/a.png", encode_png(plain_image(4, 4, 4, 0)));
  write("dog/notes.txt", "not an image");
  write(".hidden/a.png", "not an image");
  write("dog/.a.png", "not an image");
  const RawImages raw = load();
  EXPECT_EQ(raw.names, (std::vector<std::string>{"cat/b.PNG", "cat/deep/a.jpeg", "dog/a.png", "dog/z.jpg"}));
  EXPECT_EQ(raw.labels, (std::vector<int64_t>{0, 0, 1, 1}));
  EXPECT_EQ(raw.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(raw.images_MCHW.sizes(), (at::IntArrayRef{4, 3, 8, 8}));
  EXPECT_EQ(raw.images_MCHW[0].to(at::kFloat).mean().item<float>(), 50);
  EXPECT_EQ(raw.images_MCHW[2].min().item<int>(), 255) << "transparent becomes white";
  EXPECT_EQ(raw.images_MCHW[3][2][4][4].item<int>(), 70);
  const SourceFacts facts = inspect();
  EXPECT_EQ(facts.classes, 2);
  EXPECT_EQ(facts.image.height, 8);
  EXPECT_EQ(facts.watch.size(), 4u + 4u) << "root, three folders, four files";
}

TEST_F(FolderSourceTest, OneClassOrNoneIsNoClass) {
  write("only/a.png", encode_png(plain_image(8, 8, 3, 1)));
  EXPECT_EQ(inspect().classes, 0);
  EXPECT_TRUE(load().class_names.empty());
  EXPECT_EQ(load().labels, std::vector<int64_t>{-1});
}

TEST_F(FolderSourceTest, FingerprintFollowsContentAndNames) {
  write("a.png", encode_png(plain_image(8, 8, 3, 1)));
  const std::string before = inspect().fingerprint;
  EXPECT_EQ(before.size(), 64u);
  write("note.txt", "no image");
  EXPECT_EQ(inspect().fingerprint, before);
  write("a.png", encode_png(plain_image(8, 8, 3, 2)));
  const std::string changed = inspect().fingerprint;
  EXPECT_NE(changed, before);
  std::filesystem::rename(root_ / "a.png", root_ / "b.png");
  EXPECT_NE(inspect().fingerprint, changed);
}

TEST_F(FolderSourceTest, ErrorsNameTheFile) {
  const auto load_error = [&] { return error_of([&] { load(); }); };
  EXPECT_EQ(load_error(),
            path("").substr(0, path("").size() - 1) + ": found no image, expected PNG or JPEG files in it or in its sub-folders");
  write("a.png", encode_png(plain_image(8, 8, 3, 1)));
  write("b.png", "rubbish");
  EXPECT_EQ(load_error(), path("b.png") + ": found neither a PNG nor a JPEG image");
  const std::string jpeg = encode_jpeg(plain_image(64, 64, 3, 5));
  write("b.png", jpeg.substr(0, jpeg.size() / 2));
  EXPECT_EQ(load_error(), path("b.png") + ": damaged JPEG: Premature end of JPEG file");
  std::filesystem::remove(root_ / "b.png");
  std::filesystem::create_symlink(root_ / "nowhere", root_ / "c.png");
  EXPECT_EQ(load_error(), path("c.png") + ": cannot be read: No such file or directory");
  const auto missing = [&](const std::string& p) { return error_of([&] { data_source("folder").inspect(values_of(p)); }); };
  EXPECT_EQ(missing(path("x")), path("x") + ": found no folder, expected a folder of PNG or JPEG files");
  EXPECT_EQ(missing(""), "found '', expected a folder of PNG or JPEG files");
}

TEST_F(FolderSourceTest, ErrorsBlameTheOption) {
  try {
    data_source("folder").load(values_of(path("x")));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.option(), "path");
    EXPECT_EQ(error.code(), ExitCode::bad_config);
  }
}

class Cifar10Test : public Scratch {
 protected:
  std::string write_archive(const std::vector<std::pair<std::string, std::string>>& files) const {
    const std::string path = (root_ / "images.tar.xz").string();
    archive* out = archive_write_new();
    archive_write_add_filter_xz(out);
    archive_write_set_format_ustar(out);
    archive_write_open_filename(out, path.c_str());
    for (const auto& [name, bytes] : files) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, name.c_str());
      archive_entry_set_size(entry, static_cast<int64_t>(bytes.size()));
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_perm(entry, 0644);
      archive_write_header(out, entry);
      archive_write_data(out, bytes.data(), bytes.size());
      archive_entry_free(entry);
    }
    archive_write_close(out);
    archive_write_free(out);
    return path;
  }
  static RawImages load(const std::string& path) { return data_source("cifar10").load(values_of(path)); }
  const std::vector<std::pair<std::string, std::string>> files_ = {{"train/truck/0001.jpg", encode_jpeg(plain_image(32, 32, 3, 10))},
                                                                   {"train/airplane/0000.jpg", encode_jpeg(plain_image(32, 32, 3, 90))},
                                                                   {"test/bird/0007.jpg", encode_jpeg(plain_image(32, 32, 3, 200))}};
};

TEST_F(Cifar10Test, ArchiveAndFolderGiveTheSame) {
  const std::string path = write_archive(files_);
  for (const auto& [name, bytes] : files_) write("unpacked/" + name, bytes);
  const RawImages a = load(path), b = load((root_ / "unpacked").string());
  EXPECT_EQ(a.names, (std::vector<std::string>{"test/bird/0007.jpg", "train/airplane/0000.jpg", "train/truck/0001.jpg"}));
  EXPECT_EQ(a.labels, (std::vector<int64_t>{2, 0, 9}));
  EXPECT_EQ(a.splits, (std::vector<GivenSplit>{GivenSplit::test, GivenSplit::by_content, GivenSplit::by_content}));
  EXPECT_EQ(a.names, b.names);
  EXPECT_TRUE(a.images_MCHW.equal(b.images_MCHW));
  EXPECT_EQ(data_source("cifar10").inspect(values_of(path)).classes, 10);
}

TEST_F(Cifar10Test, ErrorsNameArchiveAndMember) {
  const auto message = [&](const std::string& path) { return error_of([&] { load(path); }); };
  const std::string odd = write_archive({{"train/unicorn/1.jpg", files_[0].second}});
  EXPECT_EQ(message(odd),
            odd +
                ": found 'train/unicorn/1.jpg', expected train/<class>/<name>.jpg or test/<class>/<name>.jpg with the classes "
                "of CIFAR-10");
  const std::string large = write_archive({{"train/cat/1.jpg", encode_jpeg(plain_image(32, 33, 3, 1))}});
  EXPECT_EQ(message(large), large + ": train/cat/1.jpg: found 33 x 32 pixels, expected 32 x 32");
  const std::string damaged = write_archive({{"train/cat/1.jpg", "rubbish"}});
  EXPECT_EQ(message(damaged), damaged + ": train/cat/1.jpg: found neither a PNG nor a JPEG image");
  std::string noise(300000, '\0');
  std::generate(noise.begin(), noise.end(), std::minstd_rand(1));
  const std::string whole = read_file(write_archive({{"train/cat/1.jpg", noise}, {"train/cat/2.jpg", noise}}));
  const std::string cut = write("cut.tar.xz", whole.substr(0, whole.size() / 2));
  EXPECT_EQ(message(cut).substr(0, cut.size() + 36), cut + ": damaged archive: train/cat/1.jpg: ");
  const auto inspect = [](const std::string& path) { return error_of([&] { data_source("cifar10").inspect(values_of(path)); }); };
  EXPECT_EQ(inspect(""),
            "found '', which does not exist, expected CIFAR-10 as a tar archive of JPEG files, or the folder that it "
            "unpacks to");
  const std::string text = write("text.tar.xz", "hello");
  EXPECT_EQ(inspect(text), text + ": found no readable tar archive: Unrecognized archive format");
}

}  // namespace
}  // namespace tessera
