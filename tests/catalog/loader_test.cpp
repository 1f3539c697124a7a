#include "registry/catalog/loader.hpp"

#include <gtest/gtest.h>

#include "../core/scratch_folder.hpp"
#include "broken_plugins/broken_plugins.hpp"
#include "core/hash.hpp"
#include "registry/catalog/descriptor_check.hpp"

namespace tessera {
namespace {

TEST(Loader, LoadsOnceAndChecksTheHash) {
  ScratchFolder folder;
  make_broken_plugins(folder / "p");
  auto file = folder / "p/sound.so";
  std::string hash = sha256_file(file), other = hash;
  other[0] = other[0] == '0' ? '1' : '0';
  EXPECT_EQ(error_of([&] { load_plugin(file, other); }),
            file.string() + ": found the SHA-256 " + hash + ", expected " + other + ": the file changed after it was probed");
  const auto& descriptor = load_plugin(file, hash);
  EXPECT_STREQ(descriptor.id, "sound");
  EXPECT_EQ(&load_plugin(file, hash), &descriptor);
  EXPECT_EQ(error_of([&] { load_plugin(folder / "p/wrong_abi.so", ""); }),
            (folder / "p/wrong_abi.so").string() + ": found abi 2, expected 1");
  EXPECT_EQ(error_of([&] { load_plugin(folder / "p/none.so", ""); }),
            "cannot read " + (folder / "p/none.so").string() + ": No such file or directory");
}

TEST(Fingerprint, DifferenceNamesTheLines) {
  EXPECT_EQ(fingerprint_difference("torch=2\nabi=1\n", "torch=2\nabi=1\n"), "");
  EXPECT_EQ(fingerprint_difference("torch=2\nabi=0\ncuda=13\n", "torch=3\nabi=0\nheaders=ff\n"),
            "found cuda=13, expected no cuda; found no headers, expected headers=ff; found torch=2, expected torch=3");
}

}  // namespace
}  // namespace tessera
