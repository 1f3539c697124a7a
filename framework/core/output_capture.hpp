// Takes what is written to standard output (descriptor 1, stdio and iostream alike) while it lives: plugins must print nothing,
// and standard output is where a host's protocol runs. One at a time; not for use with other threads that print.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "core/files.hpp"

namespace tessera {

class OutputCapture {
 public:
  OutputCapture();
  ~OutputCapture() { finish(); }
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;
  // To the standard output that is kept aside.
  void write_past(std::string_view text);
  // Restores standard output; what was written since the beginning (at most its first 64 KiB).
  std::string finish();

 private:
  Descriptor saved_, file_;
};

}  // namespace tessera
