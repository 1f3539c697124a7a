// How many threads a host gets and how they wait, and whether the machine has other work to do.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "experiment/run/host_threads.hpp"

namespace tessera {
namespace {

struct CpuTimes {
  double busy = 0, total = 0;
};

// The first line of /proc/stat: user nice system idle iowait irq softirq steal …
CpuTimes cpu_times() {
  std::ifstream file("/proc/stat");
  std::string line, word;
  std::getline(file, line);
  std::istringstream words(line);
  words >> word;
  CpuTimes times;
  double value = 0;
  for (int i = 0; i < 8 && words >> value; ++i) {
    times.total += value;
    if (i != 3 && i != 4) times.busy += value;
  }
  return times;
}

}  // namespace

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  return std::max(1, CPU_COUNT(&set));
}

bool machine_is_busy() {
  // Ticks are 10 ms: 100 ms on two cores are 20 of them.
  const auto before = cpu_times();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto after = cpu_times();
  return after.total > before.total && (after.busy - before.busy) / (after.total - before.total) > 0.3;
}

std::map<std::string, std::string> thread_environment(int threads, bool alone) {
  std::map<std::string, std::string> variables = {{"OMP_NUM_THREADS", std::to_string(threads)},
                                                  {"MKL_NUM_THREADS", std::to_string(threads)}};
  if (!alone) {
    variables["OMP_WAIT_POLICY"] = "passive";
    variables["GOMP_SPINCOUNT"] = "0";
  }
  return variables;
}

}  // namespace tessera
