// The option --out of a verb. A file appears whole or not at all and keeps its permissions, links are followed; what stands there and is
// no file (a pipe, a device) is written into; "-" is standard output, where then nothing else is printed.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.hpp"

namespace tessera {

struct OutputForm {
  const char* value_name;  // in --help: "FILE.svg"
  const char* help;
  std::vector<std::string> endings;  // of files: ".svg"; none: the verb looks at the name itself
  bool text = true;                  // false: no terminal is given it
  const char* default_name = "";     // empty: nothing is written where --out is not given
  bool json_is_content = false;      // --json says what is written, not what is printed besides
};

class OutputFile {
 public:
  // Adds the option; before line.parse().
  OutputFile(CommandLine& line, OutputForm form);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // After it. Throws Error(bad_config) "--out: …" where nothing can be written there: an empty name, another ending, no such folder, a
  // folder, --json and "-".
  void check();
  // Is there anything to write to?
  explicit operator bool() const { return !name_.empty(); }
  const std::string& name() const { return name_; }
  // "-", or another name of the file or pipe that standard output is: "/dev/stdout".
  bool is_standard_output() const { return standard_output_; }
  // Throws Error(run_failed) "--out: cannot … <name>: <reason>".
  void write(std::string_view bytes) const;

 private:
  void check_place() const;

  const CommandLine& line_;
  OutputForm form_;
  std::optional<std::string> given_;
  std::string name_;
  bool standard_output_ = false;
};

}  // namespace tessera
