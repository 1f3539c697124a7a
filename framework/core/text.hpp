// Words for people, and text that stays text inside markup.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// "1 stage", "3 stages": nouns whose plural takes an s.
std::string counted(int64_t n, std::string_view noun);
// "a; b; c; and 9 more": of a list the first twelve.
inline constexpr size_t kMostNamed = 12;
std::string some_of(const std::vector<std::string>& list);
std::string replace_all(std::string text, const std::string& from, const std::string& to);
// For HTML and XML, in elements and in quoted attributes: & < > " as entities; control characters but newline and tab, which XML forbids,
// go, and bytes that are no UTF-8 are replaced.
std::string markup_text(std::string_view text);

}  // namespace tessera
