#include "engine/state_dict.hpp"

#include <fmt/format.h>

#include <set>

#include "core/error.hpp"

namespace tessera {

NamedTensors module_state(const torch::nn::Module& module) {
  NamedTensors state;
  for (const auto& item : module.named_parameters()) state.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) state.emplace_back(item.key(), item.value());
  return state;
}

void load_state(torch::nn::Module& module, const TensorFile& file, const std::string& prefix) {
  torch::NoGradGuard no_grad;
  std::set<std::string> used;
  for (auto& [name, target] : module_state(module)) {
    const auto& tensor = file.at(prefix + name);
    if (tensor.sizes() != target.sizes())
      throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}': found shape {}, expected {}", file.path.string(), prefix + name,
                                                    c10::str(tensor.sizes()), c10::str(target.sizes())));
    at::Tensor(target).copy_(tensor);
    used.insert(prefix + name);
  }
  for (const auto& [name, tensor] : file.tensors)
    if (name.compare(0, prefix.size(), prefix) == 0 && !used.count(name))
      throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}' belongs to nothing in this module", file.path.string(), name));
}

void save_state(const std::filesystem::path& path, const NamedTensors& state, const std::map<std::string, std::string>& metadata) {
  save_tensors(path, std::map<std::string, at::Tensor>(state.begin(), state.end()), metadata);
}

const std::string& metadata_of(const TensorFile& file, const std::string& name) {
  auto found = file.metadata.find(name);
  if (found == file.metadata.end())
    throw Error(ExitCode::run_failed, fmt::format("{}: metadata '{}' is missing", file.path.string(), name));
  return found->second;
}

}  // namespace tessera
