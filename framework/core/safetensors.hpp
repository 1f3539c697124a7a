// safetensors (github.com/huggingface/safetensors), torch-free. Nothing pickled is ever loaded, so this is the one array format.
// Layout: 8 bytes header size (little endian), JSON header, data. The reader is bounded: a header of at most 100 MB, every
// offset checked against file, shape and dtype, no holes and no overlaps, before a view is handed out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/files.hpp"

namespace tessera {

// A borrowed array, row-major. In a view of SafetensorsFile `data` is aligned as the file has it: copy before casting.
struct ArrayView {
  std::string dtype;  // BOOL U8 I8 I16 U16 F16 BF16 I32 U32 F32 F64 I64 U64
  std::vector<int64_t> shape;
  const void* data = nullptr;
  size_t bytes = 0;
  int64_t elements() const;
};

// Bytes of one element; 0 for an unknown dtype.
size_t dtype_size(const std::string& dtype);

// Written beside the path, synced, renamed. Tensors are laid out by falling alignment, then by name, as the reference
// implementation does, so equal content gives equal bytes. Throws Error(run_failed).
void save_safetensors(const std::filesystem::path& path, std::vector<std::pair<std::string, ArrayView>> arrays,
                      const std::map<std::string, std::string>& metadata = {});

// A mapped file; views live as long as it does.
class SafetensorsFile {
 public:
  // Throws Error(run_failed) "<path>: <what is wrong>".
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  std::vector<std::string> names() const;  // sorted
  bool has(const std::string& name) const { return arrays_.count(name) != 0; }
  // Throws Error(run_failed) naming the file where there is no such array.
  const ArrayView& at(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  void parse_header(std::string_view header, size_t data_begin);

  std::filesystem::path path_;
  const std::byte* map_ = nullptr;
  size_t size_ = 0;
  std::map<std::string, ArrayView> arrays_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace tessera
