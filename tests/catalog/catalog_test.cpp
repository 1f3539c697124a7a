// Scan, caches, order and duplicates. What single bad libraries do is in tests/broken_plugins.
#include "registry/catalog/catalog.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "../core/scratch_folder.hpp"
#include "broken_plugins/broken_plugins.hpp"
#include "broken_plugins/check_request.hpp"
#include "registry/catalog/cache.hpp"
#include "registry/catalog/check_runner.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() {
    static ScratchFolder shared;  // made once: the sound library
    if (!fs::exists(shared / "all")) make_broken_plugins(shared / "all");
    sound_ = shared / "all/sound.so";
    settings_.host = fs::path(TESSERA_BINARY_DIR) / "bin/tessera-host";
    settings_.built_in.clear();
    settings_.cache = folder_ / "cache";
  }
  fs::path put(const std::string& name) {
    auto path = folder_ / name;
    fs::create_directories(path.parent_path());
    fs::copy_file(sound_, path);
    return path;
  }
  // A host that answers nothing: what works with it came from the cache.
  void break_host() {
    fs::path broken = folder_ / "bin/tessera-host";
    fs::create_directories(broken.parent_path());
    write_file_atomically(broken, "#!/bin/sh\necho broken >&2\nexit 7\n");
    ::chmod(broken.c_str(), 0755);
    settings_.host = broken;
  }

  ScratchFolder folder_;
  fs::path sound_;
  CatalogSettings settings_;
};

TEST_F(CatalogTest, FindsBuiltInFirstThenThePathThenTheEnvironment) {
  auto built_in = put("built_in/quantizers/sound_a.so"), asked = put("asked/sound_b.so"), variable = put("variable/quantizers/sound_c.so");
  put("asked/quantizers/sound_a.so");
  put("variable/sound_b.so");
  put("asked/deeper/than/that/sound_d.so");
  write_file_atomically(folder_ / "asked/notes.txt", "no library");
  settings_.built_in = {folder_ / "built_in", folder_ / "not_there"};
  settings_.plugin_path = {folder_ / "asked", folder_ / "asked"};  // twice: no duplicates
  ::setenv("TESSERA_PLUGIN_PATH", (":" + (folder_ / "variable").string() + ":").c_str(), 1);
  Catalog catalog(settings_);
  ::unsetenv("TESSERA_PLUGIN_PATH");
  ASSERT_EQ(catalog.plugins().size(), 3u);
  EXPECT_EQ(catalog.find("quantizer", "sound_a")->file, built_in);
  EXPECT_EQ(catalog.find("quantizer", "sound_b")->file, asked);
  EXPECT_EQ(catalog.find("quantizer", "sound_c")->file, variable);
  EXPECT_EQ(catalog.find("prior", "sound_c"), nullptr);
  ASSERT_EQ(catalog.refused().size(), 2u);
  EXPECT_EQ(catalog.refused()[0].reason, "found a second quantizer 'sound_a', expected one: the first is " + built_in.string());
  EXPECT_EQ(catalog.refused()[1].reason, "found a second quantizer 'sound_b', expected one: the first is " + asked.string());
  EXPECT_EQ(catalog.lines().size(), 5u);
}

TEST_F(CatalogTest, MissingFolderIsAnError) {
  settings_.plugin_path = {folder_ / "none"};
  EXPECT_EQ(error_of([&] { Catalog catalog(settings_); }), "plugin path " + (folder_ / "none").string() + ": found no such folder");
}

TEST_F(CatalogTest, WhatCannotBeReadIsRefusedAlone) {
  const auto good = put("asked/sound_a.so");
  fs::create_symlink("nowhere", folder_ / "asked/dangling.so");
  fs::create_symlink("/proc/self/mem", folder_ / "asked/unreadable.so");  // opens, then fails to be read, even by root
  ASSERT_EQ(::mkfifo((folder_ / "asked/waiting.so").c_str(), 0600), 0);
  settings_.plugin_path = {folder_ / "asked"};
  Catalog catalog(settings_);
  EXPECT_EQ(catalog.find("quantizer", "sound_a")->file, good);
  ASSERT_EQ(catalog.refused().size(), 3u);
  EXPECT_NE(catalog.refused()[0].reason.find("No such file or directory"), std::string::npos) << catalog.refused()[0].reason;
  EXPECT_NE(catalog.refused()[1].reason.find("Input/output error"), std::string::npos) << catalog.refused()[1].reason;
  EXPECT_EQ(catalog.refused()[2].reason, "found no regular file, expected a shared library");
}

TEST_F(CatalogTest, EmptyPathNeedsNoHost) {
  break_host();
  EXPECT_TRUE(Catalog(settings_).plugins().empty());
}

TEST_F(CatalogTest, ManifestHasEverything) {
  put("p/sound.so");
  settings_.plugin_path = {folder_ / "p"};
  Catalog catalog(settings_);
  const auto* plugin = catalog.find("quantizer", "sound");
  ASSERT_TRUE(plugin);
  EXPECT_EQ(plugin->version, "1.0");
  EXPECT_EQ(plugin->revision, 1);
  EXPECT_EQ(plugin->interface_revision, 1);
  EXPECT_EQ(plugin->summary, "A library without fault.");
  EXPECT_EQ(plugin->sha256.size(), 64u);
  ASSERT_EQ(plugin->options.size(), 1u);
  EXPECT_EQ(plugin->options[0].name, "codes");
  EXPECT_EQ(plugin->options[0].default_value, 16);
  EXPECT_EQ(plugin->options[0].max, 64);
}

TEST_F(CatalogTest, BrokenHostIsNotThePluginsFault) {
  put("p/sound.so");
  settings_.plugin_path = {folder_ / "p"};
  break_host();
  EXPECT_EQ(error_of([&] { Catalog catalog(settings_); }), settings_.host.string() + " exited with code 7: broken\n");
  EXPECT_EQ(error_of([&] { engine_manifest_of(settings_); }), settings_.host.string() + " --engine exited with code 7: broken\n");
}

// A host that counts how often it is asked, in front of the real one.
class CountingHost : public CatalogTest {
 protected:
  CountingHost() {
    fs::path script = folder_ / "bin/tessera-host";
    fs::create_directories(script.parent_path());
    write_file_atomically(script,
                          "#!/bin/sh\necho asked >> " + (folder_ / "asked").string() + "\nexec " + settings_.host.string() + " \"$@\"\n");
    ::chmod(script.c_str(), 0755);
    settings_.host = script;
  }
  size_t asked() const {
    std::ifstream lines(folder_ / "asked");
    return static_cast<size_t>(std::count(std::istreambuf_iterator<char>(lines), {}, '\n'));
  }
};

TEST_F(CountingHost, ProbesOnceUntilALibraryChanges) {
  auto file = put("p/sound.so");
  settings_.plugin_path = {folder_ / "p"};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Catalog(settings_).plugins().size(), 1u);
  EXPECT_EQ(asked(), 1u);
  // Same size, other bytes: behind the end of what is loaded a byte counts for the hash alone.
  std::string bytes = read_file(file);
  fs::remove(file);
  write_file_atomically(file, bytes + "x");
  EXPECT_EQ(Catalog(settings_).plugins().size(), 1u);
  EXPECT_EQ(asked(), 2u);
  // A copy elsewhere has the same bytes: no question.
  fs::rename(folder_ / "p", folder_ / "q");
  settings_.plugin_path = {folder_ / "q"};
  EXPECT_EQ(Catalog(settings_).find("quantizer", "sound")->file, folder_ / "q/sound.so");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CountingHost, TornCacheIsAMiss) {
  put("p/sound.so");
  settings_.plugin_path = {folder_ / "p"};
  Catalog first(settings_);
  for (const auto& item : fs::recursive_directory_iterator(settings_.cache))
    if (item.is_regular_file()) std::ofstream(item.path()) << "{\"torn";
  EXPECT_EQ(Catalog(settings_).plugins().size(), 1u);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CountingHost, UnwritableCacheIsNone) {
  put("p/sound.so");
  settings_.plugin_path = {folder_ / "p"};
  settings_.cache = "/proc/no/cache";
  EXPECT_EQ(Catalog(settings_).plugins().size(), 1u);
}

TEST_F(CountingHost, EngineManifestIsAskedForOnce) {
  Json manifest = engine_manifest_of(settings_);
  EXPECT_EQ(manifest.at("type"), "engine");
  EXPECT_EQ(engine_manifest_of(settings_), manifest);
  EXPECT_EQ(asked(), 1u);
}

TEST_F(CountingHost, AnswersAreKeptUntilWhatTheyWereReadFromChanges) {
  settings_.built_in = {fs::path(TESSERA_BINARY_DIR) / "plugins"};
  Catalog catalog(settings_);
  for (const auto& refused : catalog.refused()) EXPECT_EQ(refused.reason, "") << refused.file;
  ASSERT_TRUE(catalog.find("encoder", "conv") && catalog.find("quantizer", "fsq") && catalog.find("prior", "gpt") &&
              catalog.find("sampling", "scan_line"));
  Json request = check_request(catalog, *catalog.find("quantizer", "fsq"));
  fs::path sequences = folder_ / "emoji-test.txt";
  fs::copy_file("/usr/share/unicode/emoji/emoji-test.txt", sequences);
  request["settings"]["data"]["sequences"] = sequences.string();
  CheckRunner runner(settings_);
  size_t before = asked();
  auto first = runner.run({request, request});
  EXPECT_TRUE(first[0].at("ok").get<bool>()) << first[0];
  EXPECT_EQ(first[0], first[1]);
  EXPECT_EQ(runner.run({request}), std::vector<Json>{first[0]});
  EXPECT_EQ(asked(), before + 1);
  std::ofstream(sequences, std::ios::app) << "\n# one line more\n";
  EXPECT_TRUE(runner.run({request})[0].at("ok").get<bool>());
  EXPECT_EQ(asked(), before + 2);
}

// What a user mends must be seen: the folder is made, then filled.
TEST_F(CountingHost, ARefusalOfDataIsAskedAgain) {
  settings_.built_in = {fs::path(TESSERA_BINARY_DIR) / "plugins"};
  Catalog catalog(settings_);
  Json request = check_request(catalog, *catalog.find("quantizer", "fsq"));
  request["settings"]["data"] = {{"source", "folder"}, {"path", (folder_ / "images").string()}, {"size", 16}, {"validation", 0.1}};
  CheckRunner runner(settings_);
  auto refused = runner.run({request})[0];
  EXPECT_FALSE(refused.at("ok").get<bool>());
  EXPECT_EQ(refused.at("errors").at(0).at("key"), "data.path");
  fs::create_directories(folder_ / "images");
  fs::copy_file(fs::path(TESSERA_SOURCE_DIR) / "results/reference/quickstart_samples.png", folder_ / "images/a.png");
  const auto mended = runner.run({request})[0];
  EXPECT_TRUE(mended.at("ok").get<bool>()) << mended;
}

// A refusal of settings rests on what the data were: it must not outlive them.
TEST_F(CountingHost, ARefusalThatRestsOnTheDataEndsWithThem) {
  settings_.built_in = {fs::path(TESSERA_BINARY_DIR) / "plugins"};
  Catalog catalog(settings_);
  Json request = check_request(catalog, *catalog.find("quantizer", "fsq"));
  request["settings"]["data"] = {{"source", "folder"}, {"path", (folder_ / "images").string()}, {"size", 16}, {"validation", 0.1}};
  request["settings"]["sampling"]["logits"] = {{"guidance", 2.0}};
  const fs::path picture = fs::path(TESSERA_SOURCE_DIR) / "results/reference/quickstart_samples.png";
  fs::create_directories(folder_ / "images");
  fs::copy_file(picture, folder_ / "images/a.png");
  CheckRunner runner(settings_);
  const auto refused = runner.run({request})[0];
  ASSERT_FALSE(refused.at("ok").get<bool>());
  EXPECT_EQ(refused.at("errors").at(0).at("key"), "sampling.logits.guidance") << "no classes";
  const auto before = asked();
  EXPECT_EQ(runner.run({request})[0], refused);
  EXPECT_EQ(asked(), before) << "kept while the data are the same";
  fs::remove(folder_ / "images/a.png");
  for (const char* name : {"cats", "dogs"}) {
    fs::create_directories(folder_ / "images" / name);
    fs::copy_file(picture, folder_ / "images" / name / "a.png");
  }
  const auto mended = runner.run({request})[0];
  EXPECT_TRUE(mended.at("ok").get<bool>()) << mended;
}

TEST(Cache, HashFollowsTheFile) {
  ScratchFolder folder;
  Cache cache(folder / "cache");
  write_file_atomically(folder / "a", "one");
  auto one = cache.file_hash(folder / "a");
  int descriptor = ::open((folder / "a").c_str(), O_WRONLY);
  write_fully(descriptor, "two", folder / "a");  // same size, same inode, at once
  ::close(descriptor);
  EXPECT_NE(cache.file_hash(folder / "a"), one);
  EXPECT_EQ(error_of([&] { cache.file_hash(folder / "b"); }), "cannot read " + (folder / "b").string() + ": No such file or directory");
}

}  // namespace
}  // namespace tessera
