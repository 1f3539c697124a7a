#include "core/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "core/error.hpp"

namespace tessera {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = other.release();
  }
  return *this;
}

int Descriptor::release() { return std::exchange(number_, -1); }

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::string read_file(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw_system_error("read " + path.string(), errno);
  std::string text;
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode)) text.reserve(static_cast<size_t>(status.st_size));
  std::array<char, 1 << 16> buffer;
  for (;;) {
    ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got > 0)
      text.append(buffer.data(), static_cast<size_t>(got));
    else if (errno != EINTR)
      throw_system_error("read " + path.string(), errno);
  }
}

void write_fully(int descriptor, std::string_view bytes, const std::filesystem::path& path_in_errors) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0)
      bytes.remove_prefix(static_cast<size_t>(written));
    else if (errno != EINTR)
      throw_system_error("write " + path_in_errors.string(), errno);
  }
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + "." + make_uuid());
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  auto temporary = temporary_beside(path);
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) throw_system_error("create " + path.string(), errno);
  try {
    struct stat old {};
    if (::stat(path.c_str(), &old) == 0 && S_ISREG(old.st_mode)) static_cast<void>(::fchmod(file.get(), old.st_mode & 07777));
    write_fully(file.get(), text, path);
    if (::fsync(file.get()) != 0) throw_system_error("sync " + path.string(), errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_system_error("rename to " + path.string(), errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  fsync_folder(path.parent_path());
}

namespace {

void sync_path(const std::filesystem::path& path, int flags) {
  Descriptor file(::open(path.empty() ? "." : path.c_str(), flags | O_CLOEXEC));
  if (!file) throw_system_error("open " + path.string(), errno);
  // EINVAL: the file system has nothing to sync here (some network and FUSE ones).
  if (::fsync(file.get()) != 0 && errno != EINVAL) throw_system_error("sync " + path.string(), errno);
}

}  // namespace

void fsync_file(const std::filesystem::path& path) { sync_path(path, O_RDONLY); }
void fsync_folder(const std::filesystem::path& path) { sync_path(path, O_RDONLY | O_DIRECTORY); }

std::string unwritable(const std::filesystem::path& folder) {
  auto existing = std::filesystem::absolute(folder).lexically_normal();
  std::error_code none;
  while (!std::filesystem::exists(existing, none) && existing != existing.root_path()) {
    if (std::filesystem::is_symlink(existing, none))  // as of a disk that is not mounted
      return fmt::format("{} is a link to {}, which is not there: mount or make it, or name another folder", existing.string(),
                         std::filesystem::read_symlink(existing, none).string());
    existing = existing.parent_path();
  }
  if (!std::filesystem::is_directory(existing, none)) return existing.string() + " is no folder: name another one";
  if (::faccessat(AT_FDCWD, existing.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return "";
  return existing.string() + " cannot be written: " + std::generic_category().message(errno) + "; change its owner, or name another folder";
}

void open_standard_descriptors() {
  for (int number = 0; number <= 2; ++number)
    if (::fcntl(number, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", O_RDWR);  // takes the lowest number that is free
}

std::filesystem::path executable_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

std::filesystem::path cache_folder() {
  auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  if (auto folder = variable("TESSERA_CACHE"); !folder.empty()) return folder;
  if (auto folder = variable("XDG_CACHE_HOME"); !folder.empty()) return std::filesystem::path(folder) / "tessera";
  if (auto home = variable("HOME"); !home.empty()) return std::filesystem::path(home) / ".cache" / "tessera";
  return std::filesystem::temp_directory_path() / ("tessera-cache-" + std::to_string(::getuid()));
}

std::string make_uuid() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) throw_system_error("get random bytes", errno);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    auto byte = [&](size_t i) { return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u; };
    unsigned word = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (size_t i = 0; i < 4; ++i) text += i <= bytes.size() - at ? kAlphabet[word >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::string base64_decode(std::string_view text) {
  auto refuse = [](size_t at) { throw Error(ExitCode::run_failed, "byte " + std::to_string(at) + ": not base64"); };
  if (text.size() % 4) refuse(text.size());
  size_t padding = text.empty() ? 0 : text.back() != '=' ? 0 : text[text.size() - 2] != '=' ? 1 : 2;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    unsigned word = 0;
    for (size_t i = at; i < at + 4; ++i) {
      size_t digit = i >= text.size() - padding ? 0 : kAlphabet.find(text[i]);
      if (digit == std::string_view::npos) refuse(i);
      word = word << 6 | static_cast<unsigned>(digit);
    }
    for (int shift : {16, 8, 0}) bytes += static_cast<char>(word >> shift & 255);
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace tessera
