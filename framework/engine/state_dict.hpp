// Modules and tensors <-> safetensors. Everything of ours that holds weights goes through here.
#pragma once
#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tessera {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Parameters and buffers by dotted name, in registration order.
NamedTensors state_of(const torch::nn::Module& module);
// Copies tensors named prefix + name into the module. Throws Error(run_failed) naming the file and the first tensor that is
// missing, of another shape, or left over.
void load_state(torch::nn::Module& module, const std::map<std::string, at::Tensor>& tensors, const std::string& prefix, const std::string& file);

// F32, F64, I32, I64, U8 and BOOL tensors, contiguous copies on the CPU; fsynced and atomically renamed.
void save_tensors(const std::filesystem::path& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata);

struct TensorFile {
  std::map<std::string, at::Tensor> tensors;  // own copies
  std::map<std::string, std::string> metadata;
  // Throws Error(run_failed) naming the file and what it lacks.
  const at::Tensor& at(const std::string& name) const;
  const std::string& meta(const std::string& name) const;
  std::string path;
};
TensorFile load_tensors(const std::filesystem::path& file);

}  // namespace tessera
