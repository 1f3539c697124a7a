// A results folder of its own for one test; removed with it.
#pragma once
#include <filesystem>

#include "core/files.hpp"

namespace tessera {

class TemporaryResults {
 public:
  TemporaryResults() : path_(std::filesystem::temp_directory_path() / ("tessera-test-" + make_uuid())) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryResults() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tessera
