// SHA-256 (OpenSSL), as 64 lower-case hexadecimal digits.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace tessera {

std::string sha256(std::string_view bytes);
// Throws Error(run_failed) where the file cannot be read.
std::string sha256_file(const std::filesystem::path& path);

// Piecewise: update() any number of times, then hex() once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(const void* bytes, size_t count);
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
