#include "core/machine.hpp"

#include <sys/utsname.h>

#include <chrono>

namespace tessera {

std::string machine_name() {
  utsname name{};
  ::uname(&name);
  return name.nodename;
}

double epoch_seconds() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace tessera
