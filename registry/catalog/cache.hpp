// What is dear to find out and follows from file contents alone: small JSON files, named by the hash of what they follow from.
// A torn or unreadable entry is a miss, a cache that cannot be written is none; nothing depends on it.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "core/json.hpp"

namespace tessera {

class Cache {
 public:
  explicit Cache(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // `room` is a sub-folder: "hashes", "manifests", "answers" …; `key` anything canonical() takes.
  std::optional<Json> find(const std::string& room, const Json& key) const;
  void store(const std::string& room, const Json& key, const Json& value) const;
  // SHA-256 of a file; taken anew when its path, size, times or inode changed. Throws Error(run_failed) where it cannot be read.
  std::string file_hash(const std::filesystem::path& file) const;

 private:
  std::filesystem::path entry(const std::string& room, const Json& key) const;

  std::filesystem::path folder_;
};

// What changes when a file does: [size, mtime ns, ctime ns, inode]; null where there is none.
Json file_signature(const std::filesystem::path& file);
// Of the host and the library it shares with plugins: what every cached answer depends on.
std::string host_hash(const Cache& cache, const std::filesystem::path& host);

}  // namespace tessera
