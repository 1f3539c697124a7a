// Every bad library is refused with its sentence, by the one who should catch it, and all others work.
#include "broken_plugins/broken_plugins.hpp"

#include <gtest/gtest.h>

#include <map>

#include "../core/scratch_folder.hpp"
#include "broken_plugins/check_request.hpp"
#include "registry/catalog/check_runner.hpp"

namespace tessera {
namespace {

CatalogSettings settings_for(const ScratchFolder& folder) {
  CatalogSettings settings;
  settings.host = std::filesystem::path(TESSERA_BINARY_DIR) / "bin/tessera-host";
  settings.built_in.clear();
  settings.plugin_path = {folder / "plugins"};
  settings.cache = folder / "cache";
  settings.probe_limit = std::chrono::seconds(3);
  return settings;
}

TEST(BrokenPlugins, TheTableHasOneRowAFile) {
  std::map<std::string, int> files;
  for (const auto& entry : broken_plugins()) EXPECT_EQ(++files[entry.file], 1) << entry.file;
  EXPECT_GE(files.size(), 24u);
}

TEST(BrokenPlugins, TheProbeRefusesEachWithItsSentence) {
  ScratchFolder folder;
  auto table = make_broken_plugins(folder / "plugins");
  auto settings = settings_for(folder);
  for (const char* pass : {"probed", "from the cache"}) {
    auto began = std::chrono::steady_clock::now();
    Catalog catalog(settings);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::map<std::string, std::string> refused;
    for (const auto& plugin : catalog.refused()) refused[plugin.file.lexically_relative(folder / "plugins").string()] = plugin.reason;
    size_t expected_refusals = 0;
    for (const auto& entry : table) {
      if (entry.caught_by != CaughtBy::probe) {
        EXPECT_TRUE(catalog.find("quantizer", std::filesystem::path(entry.file).stem().string()))
            << entry.file << ": the probe must let it pass";
        continue;
      }
      ++expected_refusals;
      EXPECT_EQ(refused[entry.file], entry.sentence) << entry.file << " " << entry.damage << ", " << pass;
    }
    EXPECT_EQ(catalog.refused().size(), expected_refusals);
    EXPECT_TRUE(catalog.find("quantizer", "sound"));
    if (pass == std::string("from the cache")) EXPECT_LT(took.count(), 1.0);
  }
}

TEST(BrokenPlugins, TheCheckRefusesEachWithItsSentence) {
  ScratchFolder folder;
  auto table = make_broken_plugins(folder / "all");
  std::filesystem::create_directories(folder / "plugins");
  for (const auto& entry : table)
    if (entry.caught_by == CaughtBy::check)
      std::filesystem::copy_file(folder / ("all/" + std::string(entry.file)), folder / ("plugins/" + std::string(entry.file)));
  auto settings = settings_for(folder);
  settings.built_in = {std::filesystem::path(TESSERA_BINARY_DIR) / "plugins"};
  settings.check_limit = std::chrono::seconds(3);
  Catalog catalog(settings);
  std::vector<Json> requests;
  std::vector<std::string> expected;
  // A sound setting before, between and behind the bad ones.
  auto sound = [&] {
    requests.push_back(check_request(catalog, *catalog.find("quantizer", "fsq")));
    expected.push_back("");
  };
  sound();
  for (const auto& entry : table) {
    if (entry.caught_by != CaughtBy::check) continue;
    requests.push_back(check_request(catalog, *catalog.find("quantizer", std::filesystem::path(entry.file).stem().string())));
    expected.push_back(entry.sentence);
    sound();
  }
  std::vector<std::string> notices;
  settings.notice = [&](const std::string& text) { notices.push_back(text); };
  auto answers = CheckRunner(settings).run(requests);
  ASSERT_EQ(notices.size(), 1u) << "who waits is told once, though it is tried twice";
  EXPECT_EQ(
      notices[0],
      "the check of encoder 'conv', prior 'gpt', quantizer 'endless_loop_in_constructor', sampling 'scan_line' takes long; it is given 3 "
      "seconds, and a second try");
  ASSERT_EQ(answers.size(), expected.size());
  for (size_t i = 0; i < answers.size(); ++i)
    EXPECT_EQ(answers[i].at("ok").get<bool>() ? "" : answers[i].at("errors")[0].at("text").get<std::string>(), expected[i]);
}

TEST(BrokenPlugins, TheOthersWorkInAnyOrder) {
  // A crash in the middle of a list blames one; the child behind it does the rest.
  ScratchFolder folder;
  make_broken_plugins(folder / "all");
  for (const char* name : {"crash_in_probe", "exit_in_probe", "prints_in_probe", "wrong_magic"})
    for (const char* sound : {"before", "zzz_behind"}) {
      std::filesystem::remove_all(folder / "plugins");
      std::filesystem::create_directories(folder / "plugins");
      std::filesystem::copy_file(folder / (std::string("all/") + name + ".so"), folder / (std::string("plugins/") + name + ".so"));
      std::filesystem::copy_file(folder / "all/sound.so", folder / (std::string("plugins/") + sound + ".so"));
      Catalog catalog(settings_for(folder));
      EXPECT_EQ(catalog.plugins().size(), 1u) << name;
      EXPECT_EQ(catalog.refused().size(), 1u) << name;
    }
}

// Damage at random, from a printed seed: none may take the catalog down, and none may be taken for sound with other bytes at hand.
TEST(BrokenPlugins, RandomDamageIsSurvived) {
  ScratchFolder folder;
  make_broken_plugins(folder / "all");
  std::string sound = read_file(folder / "all/sound.so");
  uint64_t seed = 20260111, state = seed;
  auto random = [&](size_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>((state >> 33) % below);
  };
  std::filesystem::create_directories(folder / "plugins");
  for (int i = 0; i < 16; ++i) {
    std::string bytes = sound;
    if (i % 4 == 0) bytes.resize(random(bytes.size()));
    for (size_t flips = 1 + random(8); !bytes.empty() && flips > 0; --flips)
      bytes[random(i % 2 ? std::min<size_t>(bytes.size(), 4096) : bytes.size())] ^= static_cast<char>(1 + random(255));
    write_file_atomically(folder / ("plugins/mutant_" + std::to_string(i) + ".so"), bytes);
  }
  Catalog catalog(settings_for(folder));
  EXPECT_EQ(catalog.plugins().size() + catalog.refused().size(), 16u) << "seed " << seed;
  std::printf("seed %llu: %zu refused\n", static_cast<unsigned long long>(seed), catalog.refused().size());
}

}  // namespace
}  // namespace tessera
