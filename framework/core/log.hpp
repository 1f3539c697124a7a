// Logs for humans: spdlog with synchronous sinks. What a program must read again goes into journals instead.
#pragma once
#include <spdlog/logger.h>

#include <filesystem>
#include <memory>

namespace tessera {

// "12:34:56.789 [warning] text" lines to stderr and, where `file` is not empty, appended to the file; flushed at every line.
std::shared_ptr<spdlog::logger> make_logger(const std::filesystem::path& file, bool to_stderr = true);

}  // namespace tessera
