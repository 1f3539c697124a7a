#include "core/config.hpp"

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/files.hpp"

namespace tessera {
namespace {

std::string place(const std::string& name, size_t line, size_t column) {
  return name + ":" + std::to_string(line) + ":" + std::to_string(column);
}
std::string place(const std::string& name, const toml::source_position& position) { return place(name, position.line, position.column); }

[[noreturn]] void refuse(const std::string& where, const std::string& text) { throw Error(ExitCode::bad_config, where + ": " + text); }

// Walks over the text as a lexer would (strings and comments are skipped) and counts brackets and key segments, nothing more.
class BoundsScan {
 public:
  BoundsScan(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  void run() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') advance();
        continue;
      }
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      if (c == '[' || c == '{') {
        if (++depth_ > kMaxConfigDepth) too_much("nested more than " + std::to_string(kMaxConfigDepth) + " brackets deep");
      } else if ((c == ']' || c == '}') && depth_ > 0) {
        --depth_;
      }
      if (c == '.') {
        if (++dots_ >= kMaxConfigDepth) too_much("a key of more than " + std::to_string(kMaxConfigDepth) + " parts");
      } else if (std::string_view("[]{},=\n").find(c) != std::string_view::npos) {
        dots_ = 0;
      }
      advance();
    }
  }

 private:
  [[noreturn]] void too_much(const std::string& text) const { refuse(place(name_, line_, column_), text); }

  void advance() {
    if (text_[at_] == '\n') {
      ++line_;
      column_ = 0;
    }
    // Columns count characters, as toml++ does: bytes that continue one do not count.
    if (++at_; at_ >= text_.size() || (static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80) ++column_;
  }

  // Strings that never end are left to the parser, which has a better text for them.
  void skip_string(char quote) {
    bool multi_line = text_.substr(at_, 3) == std::string(3, quote);
    for (size_t i = 0; i < (multi_line ? 3u : 1u); ++i) advance();
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (!multi_line && c == '\n') return;
      if (c == '\\' && quote == '"') {
        advance();
        if (at_ < text_.size()) advance();
        continue;
      }
      if (c == quote && (!multi_line || text_.substr(at_, 3) == std::string(3, quote))) {
        for (size_t i = 0; i < (multi_line ? 3u : 1u); ++i) advance();
        return;
      }
      advance();
    }
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0, line_ = 1, column_ = 1, depth_ = 0, dots_ = 0;
};

class Flattener {
 public:
  explicit Flattener(ConfigFile& file) : file_(file) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (auto&& [key, node] : table) {
      std::string name(key.str());
      if (name.empty() || name.find('.') != std::string::npos)
        refuse(place(file_.name, key.source().begin), "found the key " + to_line(name) + ", expected one without dots");
      entry(node, prefix + name, key.source().begin);
    }
  }

  // toml++ keeps tables sorted by key; the file's order is the order of positions.
  void sort() {
    std::stable_sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<ConfigEntry> sorted;
    for (const auto& item : order_) sorted.push_back(std::move(file_.entries[item.second]));
    file_.entries = std::move(sorted);
  }

 private:
  void entry(const toml::node& node, const std::string& key, const toml::source_position& key_position) {
    if (const auto* inner = node.as_table(); inner && !inner->empty()) return table(*inner, key + ".");
    const auto* array = node.as_array();
    if (array && !array->empty() && array->is_homogeneous(toml::node_type::table)) {
      const bool within = std::exchange(listed_, true);
      for (size_t i = 0; i < array->size(); ++i) entry(*array->get(i), key + "." + std::to_string(i), key_position);
      listed_ = within;
      return;
    }
    auto position = node.is_table() ? key_position : node.source().begin;
    order_.push_back({{position.line, position.column}, file_.entries.size()});
    file_.entries.push_back({key, value(node), place(file_.name, position), place(file_.name, key_position), listed_, {}});
    if (array)
      for (const auto& item : *array) file_.entries.back().item_origins.push_back(place(file_.name, item.source().begin));
  }

  Json value(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* integer = node.as_integer()) return integer->get();
    if (const auto* number = node.as_floating_point()) return number->get();
    if (const auto* boolean = node.as_boolean()) return boolean->get();
    if (node.is_table() && node.as_table()->empty()) return Json::object();
    if (const auto* array = node.as_array()) {
      Json list = Json::array();
      for (const auto& item : *array) list.push_back(value(item));
      return list;
    }
    refuse(place(file_.name, node.source().begin), std::string("found ") +
                                                       (node.is_table() ? "a table among other values" : "a date or time") +
                                                       ", expected a string, number, boolean or list of these");
  }

  ConfigFile& file_;
  bool listed_ = false;
  std::vector<std::pair<std::pair<size_t, size_t>, size_t>> order_;
};

}  // namespace

ConfigFile parse_config(std::string_view text, const std::string& name) {
  if (text.size() > kMaxConfigBytes)
    refuse(name, "found " + std::to_string(text.size()) + " bytes, expected at most " + std::to_string(kMaxConfigBytes));
  BoundsScan(text, name).run();
  ConfigFile file{name, {}};
  try {
    auto root = toml::parse(text, name);
    Flattener flattener(file);
    flattener.table(root, "");
    flattener.sort();
  } catch (const toml::parse_error& error) {
    refuse(place(name, error.source().begin), std::string(error.description()));
  }
  return file;
}

ConfigFile read_config(const std::filesystem::path& path) {
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error& error) {
    throw Error(ExitCode::bad_config, error.what());
  }
  return parse_config(text, path.string());
}

Json parse_config_value(const std::string& text, const std::string& origin) {
  bool bare = !text.empty() && std::all_of(text.begin(), text.end(),
                                           [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '/' || c == '.'; });
  try {
    auto file = parse_config("value = " + text, origin);
    if (file.entries.size() == 1 && file.entries[0].key == "value" && text.find('\n') == std::string::npos) return file.entries[0].value;
  } catch (const Error&) {
    if (bare && !std::isdigit(static_cast<unsigned char>(text[0]))) return text;
  }
  const auto first = text.find_first_of("123456789");
  const bool digits = first != std::string::npos && text.find_first_not_of("0123456789", first) == std::string::npos &&
                      (first == 0 || (first == 1 && (text[0] == '+' || text[0] == '-')));  // too large
  throw Error(ExitCode::bad_config, origin + ": found " + (text.empty() ? "nothing" : shortened(valid_utf8(text), 60)) + ", expected " +
                                        (digits ? "an integer of 64 bits" : "a TOML value"));
}

}  // namespace tessera
