#include "tessera/host.hpp"

namespace tessera {
// Key functions: type information of these classes lives here, once for all libraries.
Host::~Host() = default;
OptionError::~OptionError() = default;
}  // namespace tessera
