// This machine's name and clock, as journals and leases record them.
#pragma once
#include <string>

namespace tessera {

// Its node name: runs and fronts of one name are of one machine.
std::string machine_name();
// Seconds since 1970, of the wall clock.
double epoch_seconds();

}  // namespace tessera
