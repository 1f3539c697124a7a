// The one exception type with context. Expected outcomes are return values; an Error ends the program or the item at hand.
#pragma once
#include <stdexcept>
#include <string>

namespace tessera {

// Exit codes of both programs: the public contract with shells and schedulers.
enum class ExitCode : int {
  ok = 0,
  run_failed = 1,
  bad_config = 2,
  bad_plugin = 3,
  ledger = 4,
  busy = 11,         // another host holds the lease (host only)
  interrupted = 75,  // resumable: EX_TEMPFAIL
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// "cannot <what>: <strerror(number)>" with the exit code given.
[[noreturn]] void throw_system_error(const std::string& what, int number, ExitCode code = ExitCode::run_failed);

}  // namespace tessera
