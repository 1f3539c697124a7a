// Child processes by posix_spawn and pidfd, never by fork: safe with threads, LibTorch and SQLite in the parent. A child gets a
// process group of its own (the terminal's Ctrl-C reaches the front alone) and no descriptor but 0, 1, 2.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/files.hpp"

namespace tessera {

using Clock = std::chrono::steady_clock;

enum class Stream { inherit, pipe, null, file };

struct ChildOptions {
  std::vector<std::string> argv;                   // argv[0]: a path, or a name looked up in PATH
  std::map<std::string, std::string> environment;  // added to, or replacing, the parent's
  std::string stdin_text;                          // all that the child can read, unless stdin_pipe
  bool stdin_pipe = false;                         // write_stdin() and close_stdin() feed it
  Stream out = Stream::pipe, err = Stream::inherit;
  std::filesystem::path out_file, err_file;  // appended to
  uint64_t memory_limit = 0;                 // bytes of private memory (RLIMIT_DATA), set just after the start; 0 = none
};

struct ExitStatus {
  int code = 0;    // exit code; meaningless when signal != 0
  int signal = 0;  // the signal that ended it
  bool clean() const { return code == 0 && signal == 0; }
  std::string describe() const;  // "exited with code 3", "was killed by signal 11 (Segmentation fault)"
};

// One thread uses a Child. The destructor kills and reaps.
class Child {
 public:
  // Throws Error(run_failed) "cannot start <program>: <reason>".
  explicit Child(const ChildOptions& options);
  ~Child();
  Child(Child&&) noexcept = default;
  Child& operator=(Child&&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the child has ended: for poll
  int out_fd() const { return out_.get(); }   // non-blocking, -1 unless Stream::pipe
  int err_fd() const { return err_.get(); }   // -1 from its end on
  enum class Read { line, end, timeout };
  // The next line of stdout without its newline (a last one without newline counts). Lines beyond 64 MiB are cut there.
  Read read_line(std::string& line, Clock::time_point deadline);
  // A line that is there already; never waits.
  bool poll_line(std::string& line) { return read_line(line, Clock::time_point::min()) == Read::line; }
  // What stderr (Stream::pipe) said since the last call, at most its first 64 KiB; never waits. While this object reads lines or
  // waits it takes stderr too, so a talkative child is not held up.
  std::string drain_err();
  void write_stdin(std::string_view text);  // false pipe ends (the child is gone) are ignored
  void close_stdin() { in_.close(); }
  // Empty where the deadline passed first. Ended children answer again and again.
  std::optional<ExitStatus> wait(Clock::time_point deadline);
  // To the process; SIGKILL goes to its whole group.
  void kill(int signal = SIGKILL);

 private:
  void take_err();
  // Until `number` is readable; false where the deadline passed first.
  bool wait_readable(int number, Clock::time_point deadline);

  pid_t pid_ = -1;
  Descriptor pidfd_, in_, out_, err_;
  std::string buffer_, err_text_;
  bool out_ended_ = false;
  std::optional<ExitStatus> status_;
};

// [child, first act of main] Ends this process by `signal` when the parent's spawning thread ends; at once where the parent is
// gone already. No effect in a process that no Child started.
void die_with_parent(int signal = SIGKILL);

}  // namespace tessera
