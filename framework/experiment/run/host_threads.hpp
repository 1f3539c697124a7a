// Cores are divided among hosts, and threads wait in the way that suits what else runs. Spinning threads that share cores
// cost a factor of ten, passive ones on idle cores a factor of two: a host spins only where it has the machine to itself.
#pragma once
#include <map>
#include <string>

namespace tessera {

// Cores that this process may use.
int available_cores();
// Whether others use more than a third of the machine; looks for 100 ms.
bool machine_is_busy();
// Variables for a host with so many threads; alone: nothing else competes for its cores.
std::map<std::string, std::string> thread_environment(int threads, bool alone);

}  // namespace tessera
