// Boost.Program_options with the four options that every verb shares, and error texts that say what to do.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>

#include "cli/verb.hpp"
#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "core/text_table.hpp"

namespace tessera {
namespace po = boost::program_options;

namespace {

// In an own description, which takes half of the line at least.
unsigned line_length() { return static_cast<unsigned>(std::min<size_t>(terminal_width(), po::options_description::m_default_line_length)); }

}  // namespace

CommandLine::CommandLine(const Verb& verb) : verb_(verb), own_(fmt::format("Options of {}", verb.name), line_length()) {}

po::options_description CommandLine::shared() const {
  po::options_description shared("Options of every verb", line_length());
  shared.add_options()("results", po::value<std::string>()->value_name("DIR"), "Results folder (default: ./results).")(
      "plugin-path", po::value<std::vector<std::string>>()->composing()->value_name("DIR"),
      "Folder to search for plugins, too; may be repeated.")("json", po::bool_switch(), "Print JSON.")("help,h", po::bool_switch(),
                                                                                                       "Print this help.");
  return shared;
}

void CommandLine::print_help() const {
  const auto usage = fmt::format("Usage: tessera {}{}{}", verb_.name, *verb_.synopsis ? " " : "", verb_.synopsis);
  std::cout << wrapped(usage, terminal_width(), 0) << wrapped(fmt::format("{}.", verb_.summary), terminal_width(), 0);
  if (!own_.options().empty()) std::cout << '\n' << own_;
  std::cout << '\n' << shared();
  if (!epilog_.empty()) std::cout << '\n' << epilog_;
}

void CommandLine::unknown_option(const std::string& name) const {
  std::vector<std::string> candidates;
  po::options_description all;
  all.add(own_).add(shared());
  for (const auto& option : all.options()) candidates.push_back("--" + option->long_name());
  const auto near = did_you_mean(name, candidates);
  throw Error(ExitCode::bad_config, fmt::format("tessera {}: unknown option {}{}", verb_.name, name,
                                                near ? fmt::format(", did you mean {}?", *near) : std::string()));
}

bool CommandLine::parse(const std::vector<std::string>& arguments, int min_words, int max_words) {
  po::options_description words_only;
  words_only.add_options()("words", po::value<std::vector<std::string>>());
  po::options_description all;
  all.add(own_).add(shared()).add(words_only);
  po::positional_options_description positional;
  positional.add("words", -1);
  // Abbreviations are off: an option added later must not change the meaning of a script.
  using namespace po::command_line_style;
  const int style = unix_style & ~allow_guessing;
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments).options(all).positional(positional).style(style).run(), values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    unknown_option(error.get_option_name());
  } catch (const po::invalid_option_value& error) {
    // Texts are taken as they are: only numbers can be wrong.
    const std::string what = error.what(), name = error.get_option_name();
    const auto begin = what.find("('"), end = what.rfind("')");
    const auto* option = all.find_nothrow(name.substr(name.find_first_not_of('-')), false);
    const bool fraction = option && dynamic_cast<const po::typed_value<double>*>(option->semantic().get());
    throw Error(ExitCode::bad_config,
                fmt::format("tessera {}: {}: found {}, expected {}", verb_.name, name,
                            begin < end ? what.substr(begin + 1, end - begin) : "something else", fraction ? "a number" : "an integer"));
  } catch (const po::error& error) {
    throw Error(ExitCode::bad_config, fmt::format("tessera {}: {}", verb_.name, error.what()));
  }
  if (values["help"].as<bool>()) {
    print_help();
    return false;
  }
  common_.json = values["json"].as<bool>();
  if (values.count("results")) common_.results = values["results"].as<std::string>();
  if (common_.results.empty()) throw Error(ExitCode::bad_config, "--results: found '', expected a folder");
  if (std::error_code none; std::filesystem::exists(common_.results, none) && !std::filesystem::is_directory(common_.results, none))
    throw Error(ExitCode::bad_config, fmt::format("--results: found {}, which is no folder, expected one", common_.results.string()));
  if (values.count("plugin-path"))
    for (const std::filesystem::path folder : values["plugin-path"].as<std::vector<std::string>>()) {
      std::error_code none;
      if (!std::filesystem::is_directory(folder, none))
        throw Error(ExitCode::bad_config, fmt::format("--plugin-path: found {}, which is {}, expected a folder", folder.string(),
                                                      std::filesystem::exists(folder, none) ? "none" : "not there"));
      common_.plugin_path.push_back(folder);
    }
  if (values.count("words")) words_ = values["words"].as<std::vector<std::string>>();
  const int count = static_cast<int>(words_.size());
  if (count < min_words) throw Error(ExitCode::bad_config, fmt::format("Usage: tessera {} {}", verb_.name, verb_.synopsis));
  if (max_words >= 0 && count > max_words)
    throw Error(ExitCode::bad_config, fmt::format("tessera {}: found '{}', expected no further word. Usage: tessera {} {}", verb_.name,
                                                  words_[static_cast<size_t>(max_words)], verb_.name, verb_.synopsis));
  return true;
}

}  // namespace tessera
