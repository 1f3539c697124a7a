#include "core/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace tessera {

std::shared_ptr<spdlog::logger> make_logger(const std::filesystem::path& file, bool to_stderr) {
  std::vector<spdlog::sink_ptr> sinks;
  if (to_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (!file.empty()) sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string()));
  auto logger = std::make_shared<spdlog::logger>("tessera", sinks.begin(), sinks.end());
  logger->set_pattern("%H:%M:%S.%e [%l] %v");
  logger->flush_on(spdlog::level::trace);
  return logger;
}

}  // namespace tessera
