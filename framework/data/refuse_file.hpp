// What every reader of files says where one is not what it should be.
#pragma once
#include <filesystem>
#include <string>

#include "core/error.hpp"

namespace tessera {

// Throws Error(bad_config) "<path>: <why>".
[[noreturn]] inline void refuse_file(const std::filesystem::path& path, const std::string& why) {
  throw Error(ExitCode::bad_config, path.string() + ": " + why);
}

}  // namespace tessera
