#include "host/environment.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/native/DispatchStub.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/utsname.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

namespace tessera {

namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

// What the linker calls a program's or library's content: the first six bytes of its build id, in hex; empty if it has none.
std::string build_id(const dl_phdr_info& object) {
  for (const auto* header = object.dlpi_phdr; header != object.dlpi_phdr + object.dlpi_phnum; ++header) {
    if (header->p_type != PT_NOTE) continue;
    const auto* notes = reinterpret_cast<const char*>(object.dlpi_addr + header->p_vaddr);
    const size_t align = std::max<size_t>(4, header->p_align);
    const auto rounded = [&](size_t size) { return (size + align - 1) / align * align; };
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= header->p_memsz;) {
      ElfW(Nhdr) note;
      std::memcpy(&note, notes + at, sizeof note);
      const size_t name = at + sizeof note, content = rounded(name + note.n_namesz);
      if (note.n_type == NT_GNU_BUILD_ID && std::string_view(notes + name, note.n_namesz) == std::string_view("GNU", 4)) {
        std::string id;
        for (size_t i = 0; i < std::min<size_t>(6, note.n_descsz); ++i)
          id += fmt::format("{:02x}", static_cast<unsigned char>(notes[content + i]));
        return id;
      }
      at = rounded(content + note.n_descsz);
    }
  }
  return "";
}

// Of this program and of the SDK that it shares with plugins. An installed copy has the ids of what it was copied from.
std::string build_ids() {
  std::string ids;
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* text) {
        auto& ids = *static_cast<std::string*>(text);
        const std::string_view name = object->dlpi_name;  // empty: the program
        if (name.empty() && ids.empty()) ids = build_id(*object);
        if (name.find("libtessera_sdk") != std::string_view::npos) ids += "+" + build_id(*object);
        return 0;
      },
      &ids);
  return ids;
}

}  // namespace

Json describe_environment() {
  utsname system{};
  uname(&system);
  return {{"tessera", TESSERA_VERSION},
          {"build", build_ids()},
          {"torch", TORCH_VERSION},
          {"compiler", __VERSION__},
          {"cpu", cpu_model()},
          {"isa", at::get_cpu_capability()},
          {"threads", at::get_num_threads()},
          {"device", torch::cuda::is_available() ? "cuda" : "cpu"},
          {"os", std::string(system.sysname) + " " + system.release}};
}

}  // namespace tessera
