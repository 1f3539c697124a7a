#include "cli/command_text.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>

namespace tessera {

namespace {

// As it was called, so that a printed command can be pasted.
std::string program() {
  const std::string called = program_invocation_name;
  return called.find('/') == std::string::npos ? "tessera" : called;
}

// In quotes where a shell would split or expand it; in double ones where it holds single ones (SQL).
std::string shell_word(const std::string& word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string("_-./=:,").find(static_cast<char>(c)) != std::string::npos;
  });
  if (plain) return word;
  if (word.find('\'') != std::string::npos && word.find_first_of("\"$`\\!") == std::string::npos) return "\"" + word + "\"";
  std::string text = "'";
  for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

std::string command_text(const std::vector<std::string>& words) {
  std::string text = shell_word(program());
  for (const auto& word : words) text += " " + shell_word(word);
  return text;
}

std::string command_text(std::vector<std::string> words, const CommonOptions& common) {
  if (common.results != CommonOptions().results) words.insert(words.end(), {"--results", common.results.string()});
  for (const auto& folder : common.plugin_path) words.insert(words.end(), {"--plugin-path", folder.string()});
  return command_text(words);
}

}  // namespace tessera
