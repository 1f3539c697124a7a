// Which GPUs hosts may be given, without asking CUDA: the front links none of it.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

// Entries of CUDA_VISIBLE_DEVICES where it is set (none where it is empty or names no device), else the numbers of
// <devices>/nvidia<number>.
std::vector<std::string> visible_gpus(const std::filesystem::path& devices = "/dev");

}  // namespace tessera
