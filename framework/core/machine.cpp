#include "core/machine.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>

namespace tessera {

std::string machine_name() {
  utsname name{};
  ::uname(&name);
  return name.nodename;
}

double epoch_seconds() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// proc(5): field 22 of /proc/self/stat, in ticks since the machine began.
double process_age() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));  // a program's name may hold spaces
  std::string skipped;
  constexpr int kBefore = 19;
  for (int i = 0; i < kBefore; ++i) fields >> skipped;
  double ticks = 0;
  timespec now{};
  if (!(fields >> ticks) || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  const double age =
      static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  constexpr double kMost = 600;  // beyond it, a machine that slept, or a clock of another namespace
  return age >= 0 && age < kMost ? age : 0;
}

}  // namespace tessera
