#include "registry/catalog/elf_check.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/files.hpp"

namespace tessera {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "name this machine's ELF number"
#endif

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_386: return "x86 (32 bits)";
    case EM_X86_64: return "x86-64";
    case EM_ARM: return "ARM (32 bits)";
    case EM_AARCH64: return "ARM64";
    case EM_RISCV: return "RISC-V";
    case EM_PPC64: return "POWER";
    default: return "ELF number " + std::to_string(machine);
  }
}

// The file's size must hold both tables and every segment that the headers name.
uint64_t bytes_named(int file, const Elf64_Ehdr& header) {
  uint64_t end = header.e_shoff + uint64_t{header.e_shnum} * header.e_shentsize;
  end = std::max(end, header.e_phoff + uint64_t{header.e_phnum} * header.e_phentsize);
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return UINT64_MAX;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  auto size = static_cast<ssize_t>(segments.size() * sizeof(Elf64_Phdr));
  if (::pread(file, segments.data(), static_cast<size_t>(size), static_cast<off_t>(header.e_phoff)) != size) return end;
  for (const auto& segment : segments) end = std::max(end, segment.p_offset + segment.p_filesz);
  return end;
}

}  // namespace

std::optional<std::string> check_elf(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::string("cannot be read: ") + std::strerror(errno);
  struct stat status {};
  ::fstat(file.get(), &status);
  if (!S_ISREG(status.st_mode)) return "found no regular file, expected a library";
  if (status.st_size == 0) return "found an empty file, expected a library";
  Elf64_Ehdr header{};
  ssize_t got = ::pread(file.get(), &header, sizeof header, 0);
  if (got < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "found no ELF file, expected a library";
  if (got < static_cast<ssize_t>(sizeof header))
    return "found " + std::to_string(got) + " bytes, expected at least the ELF header of 64: the file is truncated";
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return "found a library that is not 64-bit little-endian, expected " + machine_name(kMachine);
  if (header.e_machine != kMachine) return "found a library for " + machine_name(header.e_machine) + ", expected " + machine_name(kMachine);
  if (header.e_type != ET_DYN) return "found an ELF file of type " + std::to_string(header.e_type) + ", expected a shared library (type 3)";
  uint64_t needed = bytes_named(file.get(), header);
  if (needed == UINT64_MAX) return "found damaged ELF headers, expected a library";
  if (needed > static_cast<uint64_t>(status.st_size))
    return "found " + std::to_string(status.st_size) + " bytes, expected at least " + std::to_string(needed) + ": the file is truncated";
  return std::nullopt;
}

}  // namespace tessera
