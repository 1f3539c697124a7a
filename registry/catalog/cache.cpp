#include "registry/catalog/cache.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <fstream>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/hash.hpp"

namespace tessera {
namespace fs = std::filesystem;

fs::path Cache::entry(const std::string& room, const Json& key) const {
  return folder_ / room / (sha256(canonical(key)).substr(0, 32) + ".json");
}

std::optional<Json> Cache::find(const std::string& room, const Json& key) const {
  auto path = entry(room, key);
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  try {
    return try_parse_json(read_file(path));
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Renamed but not synced: after a power cut an entry may be torn, which is a miss.
void Cache::store(const std::string& room, const Json& key, const Json& value) const {
  auto path = entry(room, key);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  auto temporary = temporary_beside(path);
  std::ofstream file(temporary, std::ios::binary);
  file << to_line(value);
  file.close();
  if (file) fs::rename(temporary, path, error);
  if (!file || error) fs::remove(temporary, error);
}

Json file_signature(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return nullptr;
  auto nanoseconds = [](const timespec& time) { return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec; };
  return {status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), status.st_ino};
}

std::string Cache::file_hash(const fs::path& file) const {
  Json signature = file_signature(file);
  if (signature.is_null()) throw_system_error("read " + file.string(), errno);
  Json key = {{"path", valid_utf8(fs::absolute(file).string())}};
  auto known = find("hashes", key);
  if (known && known->is_object() && known->value("signature", Json()) == signature && known->value("sha256", Json()).is_string())
    return known->at("sha256").get<std::string>();
  std::string hash = sha256_file(file);
  // A file changed in the last second could change again without a new time: its hash is not kept.
  bool settled = signature[2].get<int64_t>() / 1'000'000'000 + 2 < static_cast<int64_t>(std::time(nullptr));
  if (settled && file_signature(file) == signature) store("hashes", key, {{"signature", signature}, {"sha256", hash}});
  return hash;
}

std::string host_hash(const Cache& cache, const fs::path& host) {
  std::string text = cache.file_hash(host);
  for (const char* folder : {"lib", "lib/tessera"}) {
    auto library = host.parent_path().parent_path() / folder / "libtessera_sdk.so.0";
    if (fs::exists(library)) text += cache.file_hash(library);
  }
  return sha256(text);
}

}  // namespace tessera
