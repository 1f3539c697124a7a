// The table of bad libraries: what is wrong with each, who catches it, and the exact sentence.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

enum class CaughtBy { probe, check, run };

struct BrokenPlugin {
  const char* file;  // below the folder
  const char* damage;
  CaughtBy caught_by;
  std::string sentence;  // "{folder}" stands for the folder, "{size}" for the size of the library that was cut
};

const std::vector<BrokenPlugin>& broken_plugins();

// Puts all of them into a folder; fills "{folder}" and sizes in. One sound library, quantizers/sound.so, is among them.
std::vector<BrokenPlugin> make_broken_plugins(const std::filesystem::path& folder);

}  // namespace tessera
