#include "core/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 forgot to give it C linkage in C++.
extern "C" {
#include <sys/pidfd.h>
}

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.hpp"

namespace tessera {
namespace {

constexpr const char* kParentVariable = "TESSERA_PARENT_PID";
constexpr size_t kMaxLine = size_t{64} << 20, kMaxErr = size_t{64} << 10;

// Moves a descriptor above 2, so that dup2 in the child cannot overwrite one that is still needed.
Descriptor above_standard(int number) {
  if (number < 0 || number > 2) return Descriptor(number);
  int moved = ::fcntl(number, F_DUPFD_CLOEXEC, 3);
  ::close(number);
  return Descriptor(moved);
}

struct Pipe {
  Descriptor read, write;
};
Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error("make a pipe", errno);
  return {above_standard(ends[0]), above_standard(ends[1])};
}

// A finished text as a file without a name: the child reads it at its own pace and nobody has to feed it.
Descriptor text_file(const std::string& text) {
  Descriptor file = above_standard(::memfd_create("stdin", MFD_CLOEXEC));
  if (!file) throw_system_error("make a memory file", errno);
  write_fully(file.get(), text, "a memory file");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// The child's end of stdout or stderr; ours goes to `own`.
Descriptor output_end(Stream stream, const std::filesystem::path& path, int inherited, Descriptor& own) {
  if (stream == Stream::pipe) {
    Pipe pipe = make_pipe();
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    own = std::move(pipe.read);
    return std::move(pipe.write);
  }
  if (stream == Stream::inherit) return Descriptor(::fcntl(inherited, F_DUPFD_CLOEXEC, 3));
  bool null = stream == Stream::null;
  Descriptor file = above_standard(::open(null ? "/dev/null" : path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | (null ? 0 : O_CREAT), 0666));
  if (!file) throw_system_error("write " + path.string(), errno);
  return file;
}

std::vector<std::string> child_environment(std::map<std::string, std::string> overrides) {
  overrides[kParentVariable] = std::to_string(::getpid());
  std::vector<std::string> variables;
  for (char** variable = environ; *variable; ++variable) {
    std::string text = *variable;
    if (!overrides.count(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  for (const auto& [name, value] : overrides) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Own process group, default signals, nothing blocked, no descriptor but the three.
struct SpawnPlan {
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// Milliseconds for poll: rounded up, so that a deadline is never missed by a busy loop.
int milliseconds_until(Clock::time_point deadline) {
  if (deadline == Clock::time_point::max()) return -1;
  if (deadline == Clock::time_point::min()) return 0;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left <= 0 ? 0 : static_cast<int>(std::min<int64_t>(left, 1 << 30));
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal == 0) return "exited with code " + std::to_string(code);
  return "was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
}

Child::Child(const ChildOptions& options) {
  // Ends of the three streams.
  Descriptor ends[3];
  if (options.stdin_pipe) {
    Pipe pipe = make_pipe();
    ends[0] = std::move(pipe.read);
    in_ = std::move(pipe.write);
  } else {
    ends[0] = text_file(options.stdin_text);
  }
  ends[1] = output_end(options.out, options.out_file, 1, out_);
  ends[2] = output_end(options.err, options.err_file, 2, err_);

  SpawnPlan plan;
  for (int i = 0; i < 3; ++i)
    if (ends[i]) posix_spawn_file_actions_adddup2(&plan.actions, ends[i].get(), i);
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, 3);

  auto arguments = options.argv;
  auto variables = child_environment(options.environment);
  int error = ::posix_spawnp(&pid_, arguments.at(0).c_str(), &plan.actions, &plan.attributes, pointers(arguments).data(),
                             pointers(variables).data());
  if (error) throw_system_error("start " + arguments[0], error);
  pidfd_ = Descriptor(::pidfd_open(pid_, 0));
  if (!pidfd_) {
    error = errno;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    throw_system_error("watch " + arguments[0], error);
  }
  if (options.memory_limit) {
    rlimit limit{options.memory_limit, options.memory_limit};
    ::prlimit(pid_, RLIMIT_DATA, &limit, nullptr);
  }
}

Child::~Child() {
  if (!pidfd_ || status_) return;
  kill();
  wait(Clock::time_point::max());
}

Child::Read Child::read_line(std::string& line, Clock::time_point deadline) {
  size_t searched = 0;
  for (;;) {
    size_t end = buffer_.find('\n', searched);
    if (end == std::string::npos && (buffer_.size() >= kMaxLine || (out_ended_ && !buffer_.empty()))) end = buffer_.size();
    if (end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return Read::line;
    }
    if (out_ended_ || !out_) return Read::end;
    searched = buffer_.size();
    char bytes[1 << 16];
    ssize_t got = ::read(out_.get(), bytes, sizeof bytes);
    if (got > 0) {
      buffer_.append(bytes, static_cast<size_t>(got));
      continue;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      out_ended_ = true;
      continue;
    }
    if (!wait_readable(out_.get(), deadline)) return Read::timeout;
  }
}

void Child::take_err() {
  char bytes[1 << 14];
  ssize_t got = 1;
  while (err_ && (got = ::read(err_.get(), bytes, sizeof bytes)) > 0)
    err_text_.append(bytes, std::min(static_cast<size_t>(got), kMaxErr - std::min(kMaxErr, err_text_.size())));
  if (got == 0) err_.close();
}

bool Child::wait_readable(int number, Clock::time_point deadline) {
  for (;;) {
    pollfd waiting[2] = {{number, POLLIN, 0}, {err_.get(), POLLIN, 0}};  // a negative number is ignored
    int timeout = milliseconds_until(deadline);
    int ready = ::poll(waiting, 2, timeout);
    if (waiting[1].revents) take_err();
    if (ready > 0 && waiting[0].revents) return true;
    if (timeout == 0 || milliseconds_until(deadline) == 0) return false;
  }
}

std::string Child::drain_err() {
  take_err();
  return std::exchange(err_text_, "");
}

void Child::write_stdin(std::string_view text) {
  // A child that has gone gives EPIPE; the signal that comes with it is held back for this thread.
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  bool gone = false;
  while (!text.empty() && in_) {
    ssize_t written = ::write(in_.get(), text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<size_t>(written));
    else if (errno != EINTR) {
      gone = errno == EPIPE;
      break;
    }
  }
  timespec now{0, 0};
  if (gone && !::sigismember(&before, SIGPIPE)) ::sigtimedwait(&pipe_signal, nullptr, &now);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::optional<ExitStatus> Child::wait(Clock::time_point deadline) {
  while (!status_) {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0 && errno != EINTR)
      throw_system_error("wait for process " + std::to_string(pid_), errno);
    if (info.si_pid != 0) {
      status_ = info.si_code == CLD_EXITED ? ExitStatus{info.si_status, 0} : ExitStatus{0, info.si_status};
      break;
    }
    if (!wait_readable(pidfd_.get(), deadline)) return std::nullopt;
  }
  return status_;
}

void Child::kill(int signal) {
  if (status_ || !pidfd_) return;
  ::kill(signal == SIGKILL ? -pid_ : pid_, signal);
}

void die_with_parent(int signal) {
  const char* expected = std::getenv(kParentVariable);
  if (!expected) return;
  ::prctl(PR_SET_PDEATHSIG, signal);
  // The parent may have gone before prctl took effect.
  if (::getppid() != std::atoi(expected)) ::raise(signal);
}

}  // namespace tessera
