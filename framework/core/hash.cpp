#include "core/hash.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>

#include "core/error.hpp"
#include "core/files.hpp"

namespace tessera {

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  }
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::update(const void* bytes, size_t count) { EVP_DigestUpdate(state_->context, bytes, count); }

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest;
  unsigned length = 0;
  EVP_DigestFinal_ex(state_->context, digest.data(), &length);
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw_system_error("read " + path.string(), errno);
  Sha256 hash;
  std::string buffer(1 << 20, '\0');
  for (;;) {
    ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got == 0) return hash.hex();
    if (got > 0)
      hash.update(buffer.data(), static_cast<size_t>(got));
    else if (errno != EINTR)
      throw_system_error("read " + path.string(), errno);
  }
}

}  // namespace tessera
