// plugins: what there is, what one is, a new one, and whether one keeps the laws of its kind.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cli/plugins/scaffold.hpp"
#include "cli/workbench.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "core/subprocess.hpp"
#include "registry/catalog/probe.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

std::string name_of(const CatalogPlugin& plugin) { return plugin.kind + "/" + plugin.id; }

// Kind, id, version, summary, file; then the refused with their reasons.
int list(const Catalog& catalog, bool json) {
  if (json) {
    fmt::print("{}\n", Json(catalog.lines()).dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  size_t name_width = 4, version_width = 7, summary_width = 7;
  for (const auto& plugin : catalog.plugins()) {
    name_width = std::max(name_width, name_of(plugin).size());
    version_width = std::max(version_width, plugin.version.size());
    summary_width = std::max(summary_width, plugin.summary.size());
  }
  fmt::print("{:<{}}  {:<{}}  {:<{}}  {}\n", "name", name_width, "version", version_width, "summary", summary_width, "file");
  for (const auto& plugin : catalog.plugins())
    fmt::print("{:<{}}  {:<{}}  {:<{}}  {}\n", name_of(plugin), name_width, plugin.version, version_width, plugin.summary, summary_width,
               plugin.file.string());
  if (!catalog.refused().empty()) fmt::print("\nrefused\n");
  for (const auto& refused : catalog.refused()) fmt::print("  {}: {}\n", refused.file.string(), refused.reason);
  return 0;
}

const CatalogPlugin& find(const Catalog& catalog, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& plugin : catalog.plugins()) {
    names.push_back(name_of(plugin));
    if (names.back() == name) return plugin;
  }
  for (const auto& refused : catalog.refused())
    if (name.substr(name.find('/') + 1) == refused.file.stem())
      throw Error(ExitCode::bad_plugin, fmt::format("{} was refused: {}", refused.file.string(), refused.reason));
  auto near = did_you_mean(name, names);
  for (const auto& one : names)
    if (!near && one.substr(one.find('/') + 1) == name) near = one;  // the kind is missing
  throw Error(ExitCode::bad_config, fmt::format("found no plugin '{}', expected one that `tessera plugins` lists{}", name,
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

int describe(const CatalogPlugin& plugin, bool json) {
  if (json) {
    fmt::print("{}\n", plugin.manifest.dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  fmt::print("{} {}\n{}.\n", name_of(plugin), plugin.version, plugin.summary);
  if (!plugin.paper.empty()) fmt::print("paper     arXiv:{}\n", plugin.paper);
  fmt::print("revision  {}\n", plugin.revision > 0 ? std::to_string(plugin.revision) : "none declared: the file's hash stands in for it");
  fmt::print("file      {}\nsha256    {}\n", plugin.file.string(), plugin.sha256);
  if (!plugin.options.empty()) fmt::print("\noptions\n");
  for (const auto& option : plugin.options)
    fmt::print("  {} = {}\n      {}\n      {}; {}\n", option.name, to_line(option.default_value), option.doc, option.expectation(),
               option.effect);
  return 0;
}

int scaffold(const CatalogSettings& settings, const std::string& kind, const std::string& id, bool json) {
  if (const Catalog catalog(settings); const auto* known = catalog.find(kind, id))
    throw Error(ExitCode::bad_config, fmt::format("found id '{}', expected another: {} has it", id, known->file.string()));
  const auto folder = write_scaffold(kind, id, fs::current_path());
  if (json) {
    fmt::print("{}\n", Json({{"folder", folder.string()}, {"files", {id + ".cpp", "CMakeLists.txt"}}}).dump(2));
    return 0;
  }
  fmt::print("Wrote {0}/{0}.cpp and {0}/CMakeLists.txt. Next:\n", id);
  // Plugins are built against an installation; a build folder is none.
  auto prefix = settings.host.parent_path().parent_path().string();
  if (!fs::exists(fs::path(prefix) / "lib/cmake/Tessera")) {
    fmt::print("  cmake --install {} --prefix $HOME/.local/tessera\n", prefix);
    prefix = "$HOME/.local/tessera";
  }
  fmt::print("  cmake -S {0} -B {0}/build -DCMAKE_PREFIX_PATH={1} && cmake --build {0}/build\n", id, prefix);
  fmt::print("  tessera plugins --plugin-path {}/build/plugins\n", id);
  return 0;
}

// How long one law may take. TESSERA_LAW_SECONDS sets it, for tests and for very large networks.
std::chrono::seconds law_limit() {
  const char* set = std::getenv("TESSERA_LAW_SECONDS");
  const long seconds = set ? std::strtol(set, nullptr, 10) : 0;
  return std::chrono::seconds(seconds > 0 ? seconds : 120);
}

// name=value words, for the options of a probed plugin.
Json options_in(const std::vector<std::string>& words, const Json& manifest) {
  Json chosen = Json::object();
  std::vector<std::string> names;
  for (const auto& option : manifest.at("options")) names.push_back(option.at("name"));
  for (const auto& word : words) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto found = std::find(names.begin(), names.end(), name);
    if (equals == std::string::npos || found == names.end()) {
      const auto near = did_you_mean(name, names);
      throw Error(ExitCode::bad_config, fmt::format("command line: found '{}', expected name=value with an option of this plugin{}", word,
                                                    near ? fmt::format("; did you mean \"{}=\"?", *near) : ""));
    }
    const auto schema = OptionSchema::from_json(manifest.at("options").at(static_cast<size_t>(found - names.begin())));
    const auto value = parse_config_value(word.substr(equals + 1), "command line: " + name);
    if (const auto wrong = schema.check(value)) throw Error(ExitCode::bad_config, fmt::format("command line: {}: {}", name, *wrong));
    chosen[name] = schema.normalised(value);
  }
  return chosen;
}

void print_law(const Json& law) {
  fmt::print("{:<28}{:<11}{}\n", law.at("law").get<std::string>(), law.at("verdict").get<std::string>(), law.at("what").get<std::string>());
  if (const auto text = law.at("text").get<std::string>(); !text.empty()) fmt::print("{:<28}{}\n", "", text);
  std::fflush(stdout);
}

// The conformance suite runs in the host, which links what plugins link; it says a line a law. A library that cannot even be opened
// is refused by the probe first.
int check(const CatalogSettings& settings, const std::string& file, const std::vector<std::string>& words, bool json) {
  if (!fs::is_regular_file(file)) throw Error(ExitCode::bad_config, fmt::format("found no file '{}', expected a plugin's library", file));
  const auto probed = probe_files(settings, {fs::absolute(file)});
  if (probed.at(0).at("type") == "refused")
    throw Error(ExitCode::bad_plugin, fmt::format("{}: {}", file, probed[0].at("reason").get<std::string>()));
  ChildOptions options;
  options.argv = {settings.host.string(), "--conformance", fs::absolute(file).string(), to_line(options_in(words, probed[0]))};
  Child child(options);
  const auto limit = law_limit();
  Json laws = Json::array(), end;
  std::string line;
  Child::Read read;
  while ((read = child.read_line(line, Clock::now() + limit)) == Child::Read::line) {
    const auto said = try_parse_json(line);
    if (!said || !said->is_object()) continue;  // printed by the plugin
    if (said->contains("law")) {
      laws.push_back(*said);
      if (!json) print_law(*said);
    } else if (said->contains("kept")) {
      end = *said;
    }
  }
  const std::string where = laws.empty() ? "before the first law" : "after the law " + laws.back().at("law").get<std::string>();
  if (read == Child::Read::timeout) {
    child.kill();
    throw Error(ExitCode::bad_plugin, fmt::format("{}: nothing for {} seconds {}; killed", file, limit.count(), where));
  }
  const auto status = child.wait(Clock::now() + limit);
  if (!status || status->signal != 0)
    throw Error(ExitCode::bad_plugin, fmt::format("{}: the suite {} {}", file, status ? status->describe() : "does not end", where));
  // A plugin that ends the process has no verdict.
  if (end.is_null())
    throw Error(ExitCode::bad_plugin, fmt::format("{}: the suite ended with code {} {}, without a verdict", file, status->code, where));
  const auto count = [&](const char* verdict) {
    return std::count_if(laws.begin(), laws.end(), [&](const Json& law) { return law.at("verdict") == verdict; });
  };
  if (json)
    fmt::print("{}\n", Json({{"kept", end.at("kept")}, {"laws", laws}}).dump(2, ' ', false, Json::error_handler_t::replace));
  else if (end.at("kept"))
    fmt::print("every law is kept: {} held, {} not asked\n", count("held"), count("not asked"));
  else
    fmt::print("{} of {} laws are broken\n", count("FAILED"), laws.size());
  return static_cast<int>(end.at("kept") ? ExitCode::ok : ExitCode::bad_plugin);
}

void expect_words(const std::vector<std::string>& words, size_t count, const char* usage) {
  if (words.size() != count) throw Error(ExitCode::bad_config, fmt::format("Usage: tessera plugins {}", usage));
}

}  // namespace

int verb_plugins(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments)) return 0;
  const auto& words = line.words();
  const auto what = words.empty() ? "list" : words[0];
  if (what == "new") {
    expect_words(words, 3, "new KIND ID");
    return scaffold(catalog_settings(line.common()), words[1], words[2], line.common().json);
  }
  if (what == "check") {
    if (words.size() < 2) expect_words(words, 2, "check FILE [option=value …]");
    return check(catalog_settings(line.common()), words[1], {words.begin() + 2, words.end()}, line.common().json);
  }
  if (what == "list") {
    if (words.size() > 1) expect_words(words, 1, "list");
    return list(Catalog(catalog_settings(line.common())), line.common().json);
  }
  if (what == "describe") {
    expect_words(words, 2, "describe KIND/ID");
    const Catalog catalog(catalog_settings(line.common()));
    return describe(find(catalog, words[1]), line.common().json);
  }
  const auto near = did_you_mean(what, {"list", "describe", "new", "check"});
  throw Error(ExitCode::bad_config, fmt::format("tessera plugins: found '{}', expected list, describe, new or check{}", what,
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace tessera
