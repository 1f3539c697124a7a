// A verb of `tessera`: one file verb_<name>.cpp, one line in the table of verbs.cpp. The list printed by --help, the
// dispatch and did-you-mean come from that table.
//
//   int verb_ls(const Verb& verb, const std::vector<std::string>& arguments) {
//     CommandLine line(verb);
//     int64_t last = 20;
//     line.options().add_options()("last", value(&last)->value_name("N"), "The newest N trials.");
//     if (!line.parse(arguments)) return 0;  // --help was printed
//     … line.common().results, line.common().json, line.words() …
//   }
//
// A verb returns an exit code of core/error.hpp or throws Error; main prints its text to stderr.
#pragma once
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

struct Verb {
  const char* name;
  const char* synopsis;  // what follows the name: "FILE [key=value …] [-j N]"
  const char* summary;   // one line, no full stop
  int (*run)(const Verb& verb, const std::vector<std::string>& arguments);
};

// The table, in the order of --help.
const std::vector<Verb>& verbs();

// What every verb understands.
struct CommonOptions {
  std::filesystem::path results = "results";
  std::vector<std::filesystem::path> plugin_path;  // behind the built-in folders, before those of the environment
  bool json = false;
};

class CommandLine {
 public:
  explicit CommandLine(const Verb& verb);
  // The verb's own options; add them before parse().
  boost::program_options::options_description& options() { return own_; }
  // What --help says last.
  void set_epilog(std::string text) { epilog_ = std::move(text); }
  // False when --help was asked for and printed. Throws Error(bad_config) on unknown options and when the number of
  // words is outside [min_words, max_words]; max_words < 0: no limit.
  bool parse(const std::vector<std::string>& arguments, int min_words = 0, int max_words = -1);
  const CommonOptions& common() const { return common_; }
  // Words that are no options, in order.
  const std::vector<std::string>& words() const { return words_; }

 private:
  void print_help() const;
  [[noreturn]] void unknown_option(const std::string& name) const;
  boost::program_options::options_description shared() const;

  const Verb& verb_;
  boost::program_options::options_description own_;
  CommonOptions common_;
  std::string epilog_;
  std::vector<std::string> words_;
};

}  // namespace tessera
