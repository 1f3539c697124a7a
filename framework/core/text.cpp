#include "core/text.hpp"

#include "core/json.hpp"

namespace tessera {

std::string counted(int64_t n, std::string_view noun) {
  std::string text = std::to_string(n) + " ";
  text += noun;
  return n == 1 ? text : text + "s";
}

std::string some_of(const std::vector<std::string>& list) {
  std::string text;
  for (size_t i = 0; i < list.size() && i < kMostNamed; ++i) text += (i > 0 ? "; " : "") + list[i];
  return list.size() <= kMostNamed ? text : text + "; and " + std::to_string(list.size() - kMostNamed) + " more";
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

std::string markup_text(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\t')
      out += c;
  }
  return out;
}

}  // namespace tessera
