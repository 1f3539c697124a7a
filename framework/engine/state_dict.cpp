#include "engine/state_dict.hpp"

#include <fmt/format.h>

#include <cstring>
#include <set>

#include "core/error.hpp"
#include "core/safetensors.hpp"

namespace tessera {

namespace {

struct TypeName {
  at::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {{at::kFloat, "F32"}, {at::kDouble, "F64"}, {at::kInt, "I32"},
                               {at::kLong, "I64"},  {at::kByte, "U8"},    {at::kBool, "BOOL"}};

const char* name_of(at::ScalarType type) {
  for (const auto& entry : kTypes)
    if (entry.type == type) return entry.name;
  throw std::logic_error(std::string("no safetensors type for ") + c10::toString(type));
}

}  // namespace

NamedTensors state_of(const torch::nn::Module& module) {
  NamedTensors state;
  for (const auto& item : module.named_parameters()) state.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) state.emplace_back(item.key(), item.value());
  return state;
}

void load_state(torch::nn::Module& module, const std::map<std::string, at::Tensor>& tensors, const std::string& prefix,
                const std::string& file) {
  torch::NoGradGuard no_grad;
  std::set<std::string> used;
  for (auto& [name, target] : state_of(module)) {
    auto found = tensors.find(prefix + name);
    if (found == tensors.end()) throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}' is missing", file, prefix + name));
    if (found->second.sizes() != target.sizes())
      throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}': found shape {}, expected {}", file, prefix + name,
                                                    c10::str(found->second.sizes()), c10::str(target.sizes())));
    at::Tensor(target).copy_(found->second);
    used.insert(prefix + name);
  }
  for (const auto& [name, tensor] : tensors)
    if (name.compare(0, prefix.size(), prefix) == 0 && !used.count(name))
      throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}' belongs to nothing in this module", file, name));
}

void save_tensors(const std::filesystem::path& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> held;  // keeps the bytes alive while they are written
  std::vector<std::pair<std::string, ArrayView>> views;
  for (const auto& [name, tensor] : tensors) {
    held.push_back(tensor.detach().to(at::kCPU).contiguous());
    const auto& t = held.back();
    views.emplace_back(name, ArrayView{name_of(t.scalar_type()), t.sizes().vec(), t.data_ptr(), t.nbytes()});
  }
  save_safetensors(file, views, metadata);
}

const at::Tensor& TensorFile::at(const std::string& name) const {
  auto found = tensors.find(name);
  if (found == tensors.end()) throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}' is missing", path, name));
  return found->second;
}

const std::string& TensorFile::meta(const std::string& name) const {
  auto found = metadata.find(name);
  if (found == metadata.end()) throw Error(ExitCode::run_failed, fmt::format("{}: metadata '{}' is missing", path, name));
  return found->second;
}

TensorFile load_tensors(const std::filesystem::path& file) {
  SafetensorsFile source(file);
  TensorFile out;
  out.path = file.string();
  out.metadata = source.metadata();
  for (const auto& name : source.names()) {
    const auto& view = source.at(name);
    bool known = false;
    for (const auto& entry : kTypes) {
      if (view.dtype != entry.name) continue;
      auto tensor = torch::empty(view.shape, torch::TensorOptions(entry.type));
      if (view.bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.bytes);
      out.tensors[name] = tensor;
      known = true;
    }
    if (!known) throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}' has type {}, which is not read here", out.path, name, view.dtype));
  }
  return out;
}

}  // namespace tessera
