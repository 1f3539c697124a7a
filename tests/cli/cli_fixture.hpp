// The program tessera in a folder of its own, over the fake host: its built-in plugins are the fake ones beside it.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "core/subprocess.hpp"
#include "fake_engine.hpp"
#include "temporary_folder.hpp"

namespace tessera {

namespace fs = std::filesystem;

struct Answer {
  std::string out, err;
  ExitStatus status;
};

class Cli : public ::testing::Test {
 protected:
  Cli() {
    fs::create_directories(home() / "bin");
    fs::copy_file(TESSERA_PROGRAM, home() / "bin" / "tessera");
    for (const auto& plugin : fake_plugins())
      if (plugin.at("type") == "plugin")
        folder_.write(fmt::format("plugins/{}/{}.so", folder_of(plugin.at("kind")), plugin.at("id").get<std::string>()), plugin.at("id"));
    folder_.write("e.toml", kThreeArms);
  }
  static std::string folder_of(const std::string& kind) { return kind == "sampling" ? kind : kind + "s"; }
  fs::path home() const { return folder_.path(); }

  ChildOptions options(std::vector<std::string> words) const {
    ChildOptions options;
    options.argv = {"/bin/sh", "-c", fmt::format("cd {} && exec bin/tessera \"$@\"", home().string()), "sh"};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.environment = {{"TESSERA_HOST", FAKE_HOST}, {"TESSERA_CACHE", (home() / "cache").string()}, {"TESSERA_PLUGIN_PATH", ""}};
    options.err = Stream::pipe;
    return options;
  }

  Answer call(std::vector<std::string> words) const {
    Child child(options(std::move(words)));
    Answer answer;
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    for (std::string line; child.read_line(line, deadline) == Child::Read::line;) answer.out += line + "\n";
    answer.status = child.wait(deadline).value();
    answer.err = child.drain_err();
    return answer;
  }

  // As --help lists them: "  <verb>  <summary>".
  std::vector<std::string> verbs() const {
    std::vector<std::string> found;
    std::istringstream lines(call({"--help"}).out);
    for (std::string line; std::getline(lines, line);)
      if (line.size() > 3 && line.compare(0, 2, "  ") == 0 && line[2] != ' ') found.push_back(line.substr(2, line.find(' ', 2) - 2));
    return found;
  }

  TemporaryFolder folder_;
};

}  // namespace tessera
