// A fixture for experiment files: what they expand to, or the text of their errors.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "experiment/describe/cell.hpp"
#include "experiment/describe/experiment_file.hpp"
#include "fake_engine.hpp"
#include "temporary_folder.hpp"

namespace tessera {

// A file that is complete: what tests add to it is what they are about.
inline const std::string kBase =
    "tokenizer.encoder.plugin = \"conv\"\n"
    "tokenizer.quantizer.plugin = \"vq\"\n"
    "prior.plugin = \"gpt\"\n"
    "sampling.plugin = \"scan_line\"\n";

class ExperimentFile : public ::testing::Test {
 protected:
  ExperimentFile() : before_(std::filesystem::current_path()) { std::filesystem::current_path(folder_.path()); }
  ~ExperimentFile() override { std::filesystem::current_path(before_); }

  std::vector<Cell> cells(const std::string& text, const std::vector<std::string>& words = {}) {
    folder_.write("e.toml", text);
    Problems problems;
    auto expanded = expand_cells(read_experiment("e.toml", words), declarations_, problems);
    problems.raise();
    return expanded;
  }

  std::string errors(const std::string& text, const std::vector<std::string>& words = {}) {
    try {
      cells(text, words);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_config);
      return error.what();
    }
    return "no error";
  }

  static std::vector<std::string> labels(const std::vector<Cell>& cells) {
    std::vector<std::string> all;
    for (const auto& cell : cells) all.push_back(cell.label);
    return all;
  }

  TemporaryFolder folder_;
  Declarations declarations_{fake_engine_manifest(), fake_plugins()};

 private:
  std::filesystem::path before_;
};

}  // namespace tessera
