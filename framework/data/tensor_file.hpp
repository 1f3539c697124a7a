// Tensors in safetensors files.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace tessera {

struct TensorFile {
  std::map<std::string, at::Tensor> tensors;    // on the CPU, owning their memory
  std::map<std::string, std::string> metadata;  // JSON or plain text, as the writer says

  // Throws Error(run_failed) "<path>: has no tensor '<name>'".
  const at::Tensor& at(const std::string& name) const;
  std::filesystem::path path;  // for error texts
};

// From any device, contiguous or not; written whole or not at all, synced. Equal content gives equal bytes.
void save_tensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                  const std::map<std::string, std::string>& metadata = {});
// Throws Error(run_failed) naming the file.
TensorFile load_tensors(const std::filesystem::path& path);

}  // namespace tessera
