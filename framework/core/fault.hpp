// Fault points: named places where tests kill the process as a power cut would, by SIGKILL.
//
//   TESSERA_FAULT_POINT("journal.before_sync");
//
// With TESSERA_FAULT="journal.before_sync:3" in the environment the third passage dies there. The names stand in a section of
// the program, so the list of all points is derived from the macro, whether they are passed or not. Not in templates or inline
// functions: a section of a COMDAT group would be merged away.
#pragma once
#include <string>
#include <vector>

namespace tessera {

// Names of all fault points in this program, sorted, each once.
std::vector<std::string> fault_points();
void pass_fault_point(const char* name);

}  // namespace tessera

#define TESSERA_FAULT_POINT(name)                                                                        \
  do {                                                                                                   \
    __attribute__((section("tessera_faults"), used)) static const char* const tessera_fault_name = name; \
    ::tessera::pass_fault_point(tessera_fault_name);                                                     \
  } while (false)
