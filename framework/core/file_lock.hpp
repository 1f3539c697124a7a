// One process at a time: an exclusive flock, waited for.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>

#include "core/error.hpp"
#include "core/files.hpp"

namespace tessera {

enum class LockRefusal { none, busy, not_writable };

// Makes the file where it is missing. Waits up to `patience`; empty where another program holds it still (busy), or this user may not write
// there (not_writable). Another user's file, in a folder that both may write in, is no obstacle. Closing the descriptor unlocks.
// Throws Error(code) on any other failure.
std::optional<Descriptor> lock_file(const std::filesystem::path& path, std::chrono::milliseconds patience, LockRefusal& refusal,
                                    ExitCode code);

}  // namespace tessera
