#include "core/safetensors.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/json.hpp"

namespace tessera {
namespace {

constexpr size_t kMaxHeader = 100'000'000;  // the reference implementation's bound

struct Dtype {
  const char* name;
  size_t size;
};
// In the order of the reference implementation: the writer lays tensors out from the last kind to the first.
constexpr std::array<Dtype, 13> kDtypes = {{{"BOOL", 1},
                                            {"U8", 1},
                                            {"I8", 1},
                                            {"I16", 2},
                                            {"U16", 2},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"I32", 4},
                                            {"U32", 4},
                                            {"F32", 4},
                                            {"F64", 8},
                                            {"I64", 8},
                                            {"U64", 8}}};

size_t dtype_rank(const std::string& name) {
  return static_cast<size_t>(std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& dtype) { return name == dtype.name; }) -
                             kDtypes.begin());
}

// Bytes of a shape; throws std::overflow_error beyond 2^62.
size_t bytes_of(const std::vector<int64_t>& shape, size_t element) {
  size_t bytes = element;
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(bytes, static_cast<size_t>(extent), &bytes) || bytes >> 62) throw std::overflow_error("");
  return bytes;
}

// One object of the header, parsed; a name that stands there twice is refused (nlohmann would keep the last).
Json parse_header_json(std::string_view text) {
  std::vector<std::set<std::string>> names;
  return Json::parse(text.begin(), text.end(), [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > 4) throw std::invalid_argument("nests too deep");
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second)
      throw std::invalid_argument("names " + shortened(to_line(value), 60) + " twice");
    return true;
  });
}

// A non-negative integer, or -1.
int64_t count_in(const Json& value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() <= INT64_MAX) return value.get<int64_t>();
  return value.is_number_integer() && value.get<int64_t>() >= 0 ? value.get<int64_t>() : -1;
}

struct Entry {
  ArrayView view;
  size_t begin = 0, end = 0;
};

// Throws std::invalid_argument with what is wrong.
Entry read_entry(const Json& json, size_t data_size) {
  auto refuse = [](const std::string& text) { throw std::invalid_argument(text); };
  if (!json.is_object()) refuse("is no object");
  for (auto item = json.begin(); item != json.end(); ++item)
    if (item.key() != "dtype" && item.key() != "shape" && item.key() != "data_offsets")
      refuse("has an unknown field " + shortened(to_line(item.key()), 60));
  Entry entry;
  auto dtype = json.find("dtype");
  if (dtype == json.end() || !dtype->is_string()) refuse("has no dtype");
  entry.view.dtype = dtype->get<std::string>();
  if (!dtype_size(entry.view.dtype)) refuse("has the unknown dtype " + shortened(to_line(*dtype), 60));
  auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array()) refuse("has no shape");
  for (const auto& extent : *shape) {
    if (count_in(extent) < 0) refuse("has the extent " + shortened(to_line(extent), 60) + " in its shape");
    entry.view.shape.push_back(count_in(extent));
  }
  auto offsets = json.find("data_offsets");
  if (offsets == json.end() || !offsets->is_array() || offsets->size() != 2 || count_in((*offsets)[0]) < 0 || count_in((*offsets)[1]) < 0)
    refuse("has no pair of data_offsets");
  entry.begin = static_cast<size_t>(count_in((*offsets)[0]));
  entry.end = static_cast<size_t>(count_in((*offsets)[1]));
  auto span = "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + ")";
  if (entry.begin > entry.end) refuse("has the offsets " + span);
  if (entry.end > data_size) refuse("lies at " + span + ", beyond the " + std::to_string(data_size) + " bytes of data");
  size_t expected = 0;
  try {
    expected = bytes_of(entry.view.shape, dtype_size(entry.view.dtype));
  } catch (const std::overflow_error&) {
    refuse("has a shape of more than 2^62 bytes");
  }
  if (entry.end - entry.begin != expected)
    refuse("has " + std::to_string(entry.end - entry.begin) + " bytes of data, expected " + std::to_string(expected));
  entry.view.bytes = expected;
  return entry;
}

}  // namespace

int64_t ArrayView::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

size_t dtype_size(const std::string& dtype) {
  size_t rank = dtype_rank(dtype);
  return rank < kDtypes.size() ? kDtypes[rank].size : 0;
}

void save_safetensors(const std::filesystem::path& path, std::vector<std::pair<std::string, ArrayView>> arrays,
                      const std::map<std::string, std::string>& metadata) {
  std::sort(arrays.begin(), arrays.end(), [](const auto& a, const auto& b) {
    size_t rank_a = dtype_rank(a.second.dtype), rank_b = dtype_rank(b.second.dtype);
    return rank_a != rank_b ? rank_a > rank_b : a.first < b.first;
  });

  // The header, in the order of the data.
  std::string header = "{";
  if (!metadata.empty()) header += "\"__metadata__\":" + to_line(Json(metadata));
  size_t offset = 0;
  std::set<std::string> names;
  for (const auto& item : arrays) {
    const std::string& name = item.first;
    const ArrayView& view = item.second;
    auto refuse = [&](const std::string& text) { throw Error(ExitCode::run_failed, path.string() + ": array " + name + " " + text); };
    if (!dtype_size(view.dtype)) refuse("has the unknown dtype " + view.dtype);
    if (bytes_of(view.shape, dtype_size(view.dtype)) != view.bytes) refuse("has a byte count that is not that of its shape");
    if (name == "__metadata__") refuse("has a name that means something else");
    if (!names.insert(name).second) refuse("stands there twice");
    if (header.size() > 1) header += ',';
    header += to_line(name) + ":{\"dtype\":\"" + view.dtype + "\",\"shape\":" + to_line(Json(view.shape)) + ",\"data_offsets\":[" +
              std::to_string(offset) + "," + std::to_string(offset + view.bytes) + "]}";
    offset += view.bytes;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  char size[8];
  for (int i = 0; i < 8; ++i) size[i] = static_cast<char>(header.size() >> (8 * i) & 255);

  // Beside, synced, renamed.
  auto temporary = temporary_beside(path);
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) throw_system_error("create " + temporary.string(), errno);
  try {
    write_fully(file.get(), {size, 8}, path);
    write_fully(file.get(), header, path);
    for (const auto& array : arrays) write_fully(file.get(), {static_cast<const char*>(array.second.data), array.second.bytes}, path);
    if (::fsync(file.get()) != 0) throw_system_error("sync " + path.string(), errno);
    TESSERA_FAULT_POINT("safetensors.before_rename");
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_system_error("rename to " + path.string(), errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  fsync_folder(path.parent_path());
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw_system_error("read " + path.string(), errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_system_error("read " + path.string(), errno);
  auto refuse = [&](const std::string& text) { throw Error(ExitCode::run_failed, path.string() + ": " + text); };
  size_t size = static_cast<size_t>(status.st_size);
  if (!S_ISREG(status.st_mode)) refuse("is no file");
  if (size < 8) refuse("has " + std::to_string(size) + " bytes, too few for safetensors");
  unsigned char prefix[8];
  if (::pread(file.get(), prefix, 8, 0) != 8) throw_system_error("read " + path.string(), errno);
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i) header = header << 8 | prefix[i];
  if (header > kMaxHeader) refuse("a header of " + std::to_string(header) + " bytes, at most " + std::to_string(kMaxHeader) + " are read");
  if (header > size - 8) refuse("a header of " + std::to_string(header) + " bytes in a file of " + std::to_string(size));
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (map == MAP_FAILED) throw_system_error("map " + path.string(), errno);
  map_ = static_cast<const std::byte*>(map);
  size_ = size;
  try {
    parse_header({reinterpret_cast<const char*>(map_) + 8, header}, 8 + header);
  } catch (const Json::exception&) {
    ::munmap(map, size_);
    refuse("the header is no JSON");
  } catch (const std::invalid_argument& error) {
    ::munmap(map, size_);
    refuse(error.what());
  }
}

SafetensorsFile::~SafetensorsFile() {
  if (map_) ::munmap(const_cast<std::byte*>(map_), size_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)), map_(std::exchange(other.map_, nullptr)), size_(other.size_), arrays_(std::move(other.arrays_)),
      metadata_(std::move(other.metadata_)) {}

// Throws std::invalid_argument with what is wrong.
void SafetensorsFile::parse_header(std::string_view header, size_t data_begin) {
  if (header.empty() || header[0] != '{') throw std::invalid_argument("the header does not begin with '{'");
  Json json;
  try {
    json = parse_header_json(header);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("the header ") + error.what());
  }

  // Arrays and metadata, each checked by itself.
  std::vector<std::pair<std::pair<size_t, size_t>, std::string>> spans;
  for (auto item = json.begin(); item != json.end(); ++item) {
    if (item.key() == "__metadata__") {
      if (!item.value().is_object()) throw std::invalid_argument("__metadata__ is no object");
      for (auto field = item.value().begin(); field != item.value().end(); ++field) {
        if (!field.value().is_string())
          throw std::invalid_argument("__metadata__ field " + shortened(to_line(field.key()), 60) + " is no string");
        metadata_[field.key()] = field.value().get<std::string>();
      }
      continue;
    }
    try {
      Entry entry = read_entry(item.value(), size_ - data_begin);
      entry.view.data = map_ + data_begin + entry.begin;
      spans.push_back({{entry.begin, entry.end}, item.key()});
      arrays_[item.key()] = std::move(entry.view);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("array " + shortened(to_line(item.key()), 60) + " " + error.what());
    }
  }

  // Together they cover the data: no overlap, no hole, nothing behind.
  std::sort(spans.begin(), spans.end());
  size_t end = 0;
  for (const auto& [span, name] : spans) {
    if (span.first != end)
      throw std::invalid_argument("array " + shortened(to_line(name), 60) + " begins at " + std::to_string(span.first) + ", expected " +
                                  std::to_string(end));
    end = span.second;
  }
  if (end != size_ - data_begin) throw std::invalid_argument(std::to_string(size_ - data_begin - end) + " bytes behind the last array");
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& array : arrays_) names.push_back(array.first);
  return names;
}

const ArrayView& SafetensorsFile::at(const std::string& name) const {
  auto found = arrays_.find(name);
  if (found == arrays_.end()) throw Error(ExitCode::run_failed, path_.string() + ": no array " + name);
  return found->second;
}

}  // namespace tessera
