// This machine's name and clock, as journals and leases record them.
#pragma once
#include <string>

namespace tessera {

// Its node name: runs and fronts of one name are of one machine.
std::string machine_name();
// Seconds since 1970, of the wall clock.
double epoch_seconds();
// Seconds since this process began, the loading of its libraries included; 0 where that cannot be told, or is not of the last ten minutes.
double process_age();

}  // namespace tessera
