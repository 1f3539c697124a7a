#include "core/files.hpp"

#include <sys/stat.h>

#include <set>

#include "core/fault.hpp"
#include "core/hash.hpp"
#include "scratch_folder.hpp"

namespace tessera {
namespace {

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ScratchFolder folder;
  write_file_atomically(folder / "a", std::string(3'000'001, 'a'));
  EXPECT_EQ(sha256_file(folder / "a"), sha256(std::string(3'000'001, 'a')));
  EXPECT_EQ(error_of([&] { sha256_file(folder / "none"); }), "cannot read " + (folder / "none").string() + ": No such file or directory");
}

TEST(Files, AtomicWriteReplacesAndLeavesNothingBehind) {
  ScratchFolder folder;
  write_file_atomically(folder / "a", "one");
  write_file_atomically(folder / "a", "two");
  EXPECT_EQ(read_file(folder / "a"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_EQ(error_of([&] { write_file_atomically(folder / "no/a", "x"); }),
            "cannot create " + (folder / "no/a").string() + ": No such file or directory");
  ::chmod((folder / "a").c_str(), 0640);
  write_file_atomically(folder / "a", "three");
  struct stat status {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST(Files, FailedWriteLeavesTheOldFile) {
  ScratchFolder folder;
  std::filesystem::create_directories(folder / "a/b");
  EXPECT_NE(error_of([&] { write_file_atomically(folder / "a", "x"); }), "") << "a folder stands in the way";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Files, Base64KnownAnswersAndRoundTrip) {
  for (auto [bytes, text] : {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(base64_decode(base64_encode(all)), all);
  EXPECT_EQ(error_of([] { base64_decode("Zm9"); }), "byte 3: not base64");
  EXPECT_EQ(error_of([] { base64_decode("Zm9-"); }), "byte 3: not base64");
  EXPECT_EQ(error_of([] { base64_decode("Z=9v"); }), "byte 1: not base64");
}

TEST(Files, ALinkToNothingIsNamed) {
  ScratchFolder folder;
  std::filesystem::create_directory_symlink("/nowhere/disk", folder / "results");
  EXPECT_EQ(unwritable(folder / "results"),
            (folder / "results").string() + " is a link to /nowhere/disk, which is not there: mount or make it, or name another folder");
  EXPECT_EQ(unwritable(folder / "new/results"), "");
}

TEST(Files, UuidsAreVersion4AndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(make_uuid());
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(seen.begin()->size(), 36u);
  EXPECT_EQ((*seen.begin())[14], '4');
}

TEST(Files, CacheFolderFollowsTheEnvironment) {
  ::setenv("TESSERA_CACHE", "/x/y", 1);
  EXPECT_EQ(cache_folder(), "/x/y");
  ::unsetenv("TESSERA_CACHE");
  ::setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(cache_folder(), "/x/tessera");
  ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace tessera
