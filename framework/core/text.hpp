// Words for people, and text that stays text inside markup.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera {

// "1 stage", "3 stages": nouns whose plural takes an s.
std::string counted(int64_t n, std::string_view noun);
std::string replace_all(std::string text, const std::string& from, const std::string& to);
// For HTML and XML, in elements and in quoted attributes: & < > " as entities; control characters but newline and tab, which XML forbids,
// go, and bytes that are no UTF-8 are replaced.
std::string markup_text(std::string_view text);

}  // namespace tessera
