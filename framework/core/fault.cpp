#include "core/fault.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <set>

// The linker sets these to the ends of the section that TESSERA_FAULT_POINT fills; null in a program without any point.
extern "C" {
__attribute__((weak, visibility("hidden"))) extern const char* const __start_tessera_faults[];
__attribute__((weak, visibility("hidden"))) extern const char* const __stop_tessera_faults[];
}

namespace tessera {
namespace {

struct Target {
  std::string name;  // empty: none
  int64_t nth = 1;
  std::atomic<int64_t> passed{0};

  Target() {
    const char* setting = std::getenv("TESSERA_FAULT");
    if (!setting) return;
    const char* colon = std::strrchr(setting, ':');
    name = colon ? std::string(setting, colon) : std::string(setting);
    if (colon) nth = std::strtoll(colon + 1, nullptr, 10);
  }
};

}  // namespace

std::vector<std::string> fault_points() {
  std::set<std::string> names(__start_tessera_faults, __stop_tessera_faults);
  return {names.begin(), names.end()};
}

void pass_fault_point(const char* name) {
  static Target target;
  if (target.name.empty() || target.name != name) return;
  if (++target.passed == target.nth) ::kill(::getpid(), SIGKILL);
}

}  // namespace tessera
