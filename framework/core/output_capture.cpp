#include "core/output_capture.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>

#include "core/error.hpp"

namespace tessera {
namespace {

void flush() {
  std::cout.flush();
  std::fflush(stdout);
}

}  // namespace

OutputCapture::OutputCapture() : saved_(::dup(STDOUT_FILENO)), file_(::memfd_create("output", MFD_CLOEXEC)) {
  flush();
  if (!saved_ || !file_ || ::dup2(file_.get(), STDOUT_FILENO) < 0) throw_system_error("capture standard output", errno);
}

void OutputCapture::write_past(std::string_view text) {
  if (saved_) write_fully(saved_.get(), text, "standard output");
}

std::string OutputCapture::finish() {
  if (!saved_) return "";
  flush();
  ::dup2(saved_.get(), STDOUT_FILENO);
  saved_.close();
  std::string text(1 << 16, '\0');
  ssize_t got = ::pread(file_.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

}  // namespace tessera
