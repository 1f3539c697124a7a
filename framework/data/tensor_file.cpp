#include "data/tensor_file.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "core/error.hpp"
#include "core/safetensors.hpp"

namespace tessera {
namespace {

struct DtypeName {
  at::ScalarType type;
  const char* name;
};
constexpr std::array<DtypeName, 9> kDtypes = {{{at::kFloat, "F32"},
                                               {at::kDouble, "F64"},
                                               {at::kLong, "I64"},
                                               {at::kInt, "I32"},
                                               {at::kByte, "U8"},
                                               {at::kChar, "I8"},
                                               {at::kBool, "BOOL"},
                                               {at::kHalf, "F16"},
                                               {at::kBFloat16, "BF16"}}};

const char* dtype_name(const std::string& tensor, at::ScalarType type) {
  for (const auto& dtype : kDtypes) {
    if (dtype.type == type) return dtype.name;
  }
  throw Error(ExitCode::run_failed, fmt::format("tensor '{}': safetensors has no type for {}", tensor, at::toString(type)));
}

at::ScalarType dtype_of(const std::filesystem::path& path, const std::string& tensor, const std::string& name) {
  for (const auto& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  throw Error(ExitCode::run_failed, fmt::format("{}: tensor '{}' has the type {}, which is not read here", path.string(), tensor, name));
}

}  // namespace

const at::Tensor& TensorFile::at(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw Error(ExitCode::run_failed, fmt::format("{}: has no tensor '{}'", path.string(), name));
  return found->second;
}

void save_tensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> alive;
  std::vector<std::pair<std::string, ArrayView>> arrays;
  for (const auto& [name, tensor] : tensors) {
    alive.push_back(tensor.detach().cpu().contiguous());
    const at::Tensor& plain = alive.back();
    arrays.push_back({name, {dtype_name(name, plain.scalar_type()), plain.sizes().vec(), plain.const_data_ptr(), plain.nbytes()}});
  }
  save_safetensors(path, std::move(arrays), metadata);
}

TensorFile load_tensors(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  TensorFile result;
  result.path = path;
  result.metadata = file.metadata();
  for (const auto& name : file.names()) {
    const ArrayView& array = file.at(name);
    at::Tensor tensor = at::empty(array.shape, dtype_of(path, name, array.dtype));
    if (array.bytes > 0) std::memcpy(tensor.mutable_data_ptr(), array.data, array.bytes);
    result.tensors[name] = std::move(tensor);
  }
  return result;
}

}  // namespace tessera
