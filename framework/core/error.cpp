#include "core/error.hpp"

#include <cstring>

namespace tessera {

void throw_system_error(const std::string& what, int number, ExitCode code) {
  throw Error(code, "cannot " + what + ": " + std::strerror(number));
}

}  // namespace tessera
