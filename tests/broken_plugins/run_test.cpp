// A plugin that misbehaves while it computes costs its own trial, with a sentence that says what it did, and changes no bit of
// the trials beside it.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "../core/scratch_folder.hpp"
#include "broken_plugins/broken_plugins.hpp"
#include "core/json.hpp"
#include "core/subprocess.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// The healthy trial is first; a broken one differs from it in its quantizer alone.
constexpr const char* kExperiment = R"(question = "Who is to blame?"
[data]
source = "emoji"
size = 16
classes = false
[tokenizer.encoder]
plugin = "conv"
channels = 8
factor = 4
depth = 8
[tokenizer.quantizer]
plugin = "vq"
codes = 32
[tokenizer.train]
steps = 12
batch = 16
[prior]
plugin = "gpt"
width = 32
layers = 1
heads = 2
[prior.train]
steps = 6
batch = 16
[sampling]
plugin = "scan_line"
count = 16
tile = 16
[arm.healthy]
)";

struct Ran {
  int code;
  Json report;
};

class Runs : public ::testing::Test {
 protected:
  Ran run(const std::string& experiment, const std::string& results, const std::string& plugin_path) {
    fs::create_directories(folder_ / "files");
    std::ofstream(folder_ / "files/e.toml") << experiment;
    ChildOptions options;
    options.argv = {std::string(TESSERA_BINARY_DIR) + "/bin/tessera",
                    "run",
                    folder_ / "files/e.toml",
                    "--results",
                    folder_ / results,
                    "--stall-limit",
                    "8",
                    "--json"};
    options.environment = {{"TESSERA_PLUGIN_PATH", plugin_path}, {"TESSERA_CACHE", folder_ / "cache"}, {"OMP_NUM_THREADS", "1"}};
    Child child(options);
    std::string out;
    const auto deadline = Clock::now() + std::chrono::minutes(5);
    for (std::string line; child.read_line(line, deadline) == Child::Read::line;) out += line + "\n";
    auto status = child.wait(deadline);
    return {status ? status->code : -1, parse_json(out, "what run --json printed")};
  }

  // File hashes of every published stage, by kind and key.
  std::map<std::string, Json> outputs(const std::string& results) {
    std::map<std::string, Json> found;
    for (const auto& entry : fs::directory_iterator(folder_ / (results + "/stages")))
      if (fs::exists(entry.path() / "stage.json"))
        found[entry.path().filename()] = parse_json(read_file(entry.path() / "stage.json"), "stage.json").at("outputs");
    return found;
  }

  ScratchFolder folder_;
};

TEST_F(Runs, EachFailsWithItsSentenceAndTheHealthyTrialIsTheSame) {
  auto table = make_broken_plugins(folder_ / "plugins");
  std::string arms;
  std::map<std::string, std::string> expected;
  for (const auto& entry : table) {
    if (entry.caught_by != CaughtBy::run) continue;
    auto id = fs::path(entry.file).stem().string();
    arms += "[arm." + id + "]\ntokenizer.quantizer.plugin = \"" + id + "\"\n";
    expected[id] = entry.sentence;
  }
  ASSERT_GE(expected.size(), 10u);

  auto alone = run(kExperiment, "alone", "");
  ASSERT_EQ(alone.code, 0) << alone.report.dump(2);
  auto among = run(kExperiment + arms, "among", folder_ / "plugins");
  EXPECT_EQ(among.code, 1) << "the first that failed was killed";

  std::map<std::string, std::string> found;
  for (const auto& stage : among.report.at("stages"))
    if (stage.at("outcome") == "failed") found[stage.at("cells")[0]] = stage.at("reason");
  EXPECT_EQ(found, expected);
  auto healthy = outputs("alone"), all = outputs("among");
  ASSERT_GE(healthy.size(), 8u);
  for (const auto& [stage, files] : healthy) EXPECT_EQ(files, all[stage]) << stage;
}

// `plugins check` opens a library that it is given by name: one that hangs or crashes must not take it along.
TEST(Check, OfALibraryThatCannotBeOpenedEnds) {
  ScratchFolder folder;
  for (const auto& entry : make_broken_plugins(folder / "plugins")) {
    const auto name = fs::path(entry.file).stem();
    const std::map<std::string, std::string> expected = {{"crash_in_static_initialiser", "the probe that opened it"},
                                                         {"endless_loop_in_constructor", "nothing for 3 seconds"},
                                                         {"exit_in_constructor", "without a verdict"}};
    if (!expected.count(name)) continue;
    ChildOptions options;
    options.argv = {std::string(TESSERA_BINARY_DIR) + "/bin/tessera", "plugins", "check", folder / ("plugins/" + std::string(entry.file))};
    options.environment = {{"TESSERA_CACHE", folder / "cache"}, {"TESSERA_LAW_SECONDS", "3"}};
    options.err = Stream::pipe;
    Child child(options);
    auto status = child.wait(Clock::now() + std::chrono::seconds(60));
    ASSERT_TRUE(status) << name;
    EXPECT_EQ(status->code, 3) << name << " " << status->describe();
    const auto said = child.drain_err();
    EXPECT_NE(said.find(expected.at(name)), std::string::npos) << name << ": " << said;
  }
}

}  // namespace
}  // namespace tessera
