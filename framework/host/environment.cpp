#include "host/environment.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/native/DispatchStub.h>
#include <sys/utsname.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <fstream>

namespace tessera {

namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

Json describe_environment() {
  utsname system{};
  uname(&system);
  return {{"torch", TORCH_VERSION},
          {"compiler", __VERSION__},
          {"cpu", cpu_model()},
          {"isa", at::get_cpu_capability()},
          {"threads", at::get_num_threads()},
          {"device", torch::cuda::is_available() ? "cuda" : "cpu"},
          {"os", std::string(system.sysname) + " " + system.release}};
}

}  // namespace tessera
