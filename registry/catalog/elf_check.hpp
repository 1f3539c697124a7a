// Looks at a library's ELF headers before the dynamic linker does: dlopen kills the process for most truncated files.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace tessera {

// Why this file is no shared library for this machine, as "found …, expected …"; empty where it looks like one.
std::optional<std::string> check_elf(const std::filesystem::path& file);

}  // namespace tessera
