#include "cli/trials/marking.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>

#include "cli/ledger/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "experiment/trials/marks.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

void print_marks(const std::vector<Mark>& marks, const std::string& kind, const CommonOptions& common) {
  if (common.json) {
    Json list = Json::array();
    for (const auto& mark : marks) {
      Json one = {{"target", mark.target}, {kind, mark.text}, {"time", mark.time}};
      if (!mark.stage.empty()) one["stage"] = mark.stage;
      list.push_back(std::move(one));
    }
    print_json(list);
  } else if (marks.empty()) {
    fmt::print("No {}s yet\n", kind);
  } else {
    TextTable table({{"target"}, {kind}});
    for (const auto& mark : marks) table.add({mark.target, mark.text});
    fmt::print("{}", table.text());
  }
}

std::string checked(const Verb& verb, const std::string& kind, const std::string& text) {
  constexpr size_t kLongest = 100'000;
  const bool control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (text.find_first_not_of(' ') == std::string::npos || control || text.size() > kLongest || valid_utf8(text) != text)
    throw Error(ExitCode::bad_config,
                fmt::format("{}: found {}, expected a {} of printable text in one line", verb.name, shown(Json(valid_utf8(text))), kind));
  return text;
}

// The mark that is to go: its text in full, or where that fits one its beginning.
std::string standing(const Verb& verb, const std::string& kind, const std::vector<Mark>& marks, const std::string& target,
                     const std::string& text) {
  if (text.find_first_not_of(" \t\n") == std::string::npos)  // of a shell's variable that is not set
    throw Error(ExitCode::bad_config, fmt::format("{}: found {}, expected the {} that is to go{}", verb.name, shown(Json(text)), kind,
                                                  kind == "note" ? ", or its beginning" : ""));
  std::vector<std::string> texts, beginning;
  for (const auto& mark : marks) {
    if (mark.text == text) return text;
    texts.push_back(mark.text);
    if (mark.text.rfind(text, 0) == 0) beginning.push_back(mark.text);
  }
  if (kind == "note" && beginning.size() == 1) return beginning[0];
  const auto near = did_you_mean(text, texts);
  throw Error(ExitCode::bad_config, fmt::format("{}: found no {} '{}' on {}{}{}", verb.name, kind, text, target,
                                                texts.empty() ? ", which has none" : fmt::format(", which has {}", fmt::join(texts, ", ")),
                                                near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

}  // namespace

int mark(const Verb& verb, const std::string& kind, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool remove = false;
  line.options().add_options()("remove", boost::program_options::bool_switch(&remove),
                               kind == "tag" ? "Take the tag away." : "Take the note away; its beginning is enough.");
  if (!line.parse(arguments, 0, 2)) return 0;
  const auto& words = line.words();
  const auto& common = line.common();
  if (remove && words.size() < 2) throw Error(ExitCode::bad_config, fmt::format("Usage: tessera {} {}", verb.name, verb.synopsis));
  auto database = open_ledger(common);
  return with_ledger_errors(ledger_file(common.results), [&] {
    auto marks = read_marks(database, kind);
    if (words.empty()) {
      print_marks(marks, kind, common);
      return 0;
    }
    const auto subject = find_subject(database, verb.name, words[0]);
    marks.erase(std::remove_if(marks.begin(), marks.end(), [&](const Mark& one) { return !one.is_of(subject); }), marks.end());
    if (words.size() == 1) {
      print_marks(marks, kind, common);
      return 0;
    }
    const auto text = remove ? standing(verb, kind, marks, subject.name, words[1]) : checked(verb, kind, words[1]);
    const bool there = std::any_of(marks.begin(), marks.end(), [&](const Mark& one) { return one.text == text; });
    std::vector<std::string> argv = {verb.name};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    if (remove || !there) write_mark(common.results, argv, kind, subject, text, remove);
    if (common.json)
      print_json({{"target", subject.name}, {"is", to_string(subject.kind)}, {kind, text}, {"removed", remove}});
    else
      fmt::print("{} {}: {} {}\n", to_string(subject.kind), subject.name, remove ? fmt::format("removed {}", kind) : kind, text);
    return 0;
  });
}

}  // namespace tessera
