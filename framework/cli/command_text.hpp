// Command lines that a verb suggests: to be pasted into a shell.
#pragma once
#include <string>
#include <vector>

#include "cli/verb.hpp"

namespace tessera {

// "build/release/bin/tessera show quickstart/halton/0": this program as it was called, words quoted for a shell.
std::string command_text(const std::vector<std::string>& words);
// The same with --results and --plugin-path behind, where they are not the defaults.
std::string command_text(std::vector<std::string> words, const CommonOptions& common);

}  // namespace tessera
