#include "core/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "core/stage_folder.hpp"

namespace tessera {

std::optional<Descriptor> lock_file(const std::filesystem::path& path, std::chrono::milliseconds patience, LockRefusal& refusal,
                                    ExitCode code) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  const int reason = file ? 0 : errno;
  const auto folder = path.parent_path();
  // On a local disk the lock of a file that is open for reading alone is as good.
  if (reason == EACCES && !on_network_file_system(folder) && ::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) == 0)
    file = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (reason != EACCES && reason != EROFS && reason != EPERM) throw_system_error("open " + path.string(), reason, code);
    refusal = LockRefusal::not_writable;
    return std::nullopt;
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_system_error("lock " + path.string(), errno, code);
    if (std::chrono::steady_clock::now() >= deadline) {
      refusal = LockRefusal::busy;
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  refusal = LockRefusal::none;
  return file;
}

}  // namespace tessera
