// Modules <-> named tensors. Files are data/tensor_file's affair.
#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "data/tensor_file.hpp"

namespace tessera {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Parameters and buffers by dotted name, in registration order.
NamedTensors module_state(const torch::nn::Module& module);
// Copies the tensors named prefix + name into the module. Throws Error(run_failed) naming the file and the first tensor that is
// missing, of another shape, or left over.
void load_state(torch::nn::Module& module, const TensorFile& file, const std::string& prefix = "");
void save_state(const std::filesystem::path& path, const NamedTensors& state, const std::map<std::string, std::string>& metadata);
// Throws Error(run_failed) where the file has no such metadata.
const std::string& metadata_of(const TensorFile& file, const std::string& name);

}  // namespace tessera
