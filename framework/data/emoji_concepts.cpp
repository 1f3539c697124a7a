#include "data/emoji_concepts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

namespace tessera {
namespace {

bool is_decoration(uint32_t c) {
  return (c >= 0x1F3FB && c <= 0x1F3FF)                // skin tones
         || (c >= 0x1F9B0 && c <= 0x1F9B3)             // hair
         || c == 0x2640 || c == 0x2642 || c == 0x26A7  // gender signs
         || c == 0x200D || c == 0xFE0F || c == 0xFE0E  // joiner, variation selectors
         || c == 0x27A1 || c == 0x2B05;                // direction
}

// Man, woman, person, the young and the old, are one figure in different hair.
uint32_t plain_figure(uint32_t c) {
  static const std::set<uint32_t> figures = {0x1F466, 0x1F467, 0x1F468, 0x1F469, 0x1F474, 0x1F475,
                                             0x1F476, 0x1F9D1, 0x1F9D2, 0x1F9D3, 0x1F9D4};
  return figures.count(c) ? 0x1F9D1 : c;
}

std::string code_point_concept(const CodePoints& code_points) {
  std::string key;
  uint32_t before = 0;
  for (uint32_t c : code_points) {
    if (is_decoration(c)) continue;
    c = plain_figure(c);
    // Two people are one concept however they are paired; flags (regional indicators) keep doubled letters.
    const bool letter = c >= 0x1F1E6 && c <= 0x1F1FF;
    if (c == before && !letter) continue;
    key += fmt::format("{}{:x}", key.empty() ? "" : "_", c);
    before = c;
  }
  // A lone decoration is what the sign itself shows.
  if (key.empty()) key = fmt::format("{:x}", code_points.front());
  return "code " + key;
}

const std::set<std::string>& stripped_words() {
  static const std::set<std::string> words = {
      // gender and age
      "man", "woman", "men", "women", "person", "people", "boy", "girl", "child", "male", "female", "older", "baby", "old", "young",
      // direction and place
      "left", "right", "up", "down", "leftwards", "rightwards", "upwards", "downwards", "left-facing", "right-facing", "front-facing",
      "facing", "pointing", "backhand", "front", "top", "bottom", "clockwise", "counterclockwise", "anticlockwise", "oncoming", "tilted",
      // colour
      "red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white", "pink", "light", "dark", "grey", "gray",
      // size and weight
      "small", "large", "medium", "medium-small", "big", "heavy", "high", "low", "medium-light", "medium-dark",
      // filling words
      "with", "and", "of", "the", "a", "in", "on", "skin", "tone"};
  return words;
}

std::string singular(std::string word) {
  if (word.size() > 3 && word.back() == 's' && word[word.size() - 2] != 's') word.pop_back();
  return word;
}

// Families whose members differ in a detail only: by the beginning of a word in the name, or by sub-group.
struct Family {
  const char* text;
  const char* name;
};
constexpr Family kFamiliesByName[] = {{"one-thirty", "clock"},
                                      {"two-thirty", "clock"},
                                      {"three-thirty", "clock"},
                                      {"four-thirty", "clock"},
                                      {"five-thirty", "clock"},
                                      {"six-thirty", "clock"},
                                      {"seven-thirty", "clock"},
                                      {"eight-thirty", "clock"},
                                      {"nine-thirty", "clock"},
                                      {"ten-thirty", "clock"},
                                      {"eleven-thirty", "clock"},
                                      {"twelve-thirty", "clock"},
                                      {"o’clock", "clock"},
                                      {"moon", "moon"},
                                      {"globe showing", "globe"},
                                      {"keycap", "keycap"},
                                      {"button", "button"},
                                      {"claus", "claus"},
                                      {"prince", "royal"},
                                      {"kiss:", "couple"},
                                      {"family", "family"},
                                      {"couple with heart", "couple"},
                                      {"holding hands", "holding hands"},
                                      {"mailbox", "mailbox"},
                                      {"envelope", "envelope"},
                                      {"speaker", "speaker"},
                                      {"locked", "lock"},
                                      {"unlocked", "lock"},
                                      {"hourglass", "hourglass"},
                                      {"snowman", "snowman"},
                                      {"exclamation mark", "punctuation"},
                                      {"question mark", "punctuation"},
                                      {"bust", "bust"},
                                      {"busts", "bust"},
                                      {"banknote", "banknote"},
                                      {"medal", "medal"},
                                      {"traffic light", "traffic light"},
                                      {"folder", "folder"},
                                      {"calendar", "calendar"},
                                      {"ticket", "ticket"},
                                      {"book", "book"},
                                      {"notebook", "book"}};
constexpr Family kFamiliesBySubgroup[] = {{"zodiac", "zodiac"},    {"arrow", "arrow"},   {"geometric", "geometric"}, {"alphanum", "button"},
                                          {"av-symbol", "button"}, {"keycap", "keycap"}, {"heart", "heart"}};

std::string name_concept(const EmojiSequence& sequence) {
  std::string name = sequence.name;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.rfind("flag: ", 0) == 0) return "name " + name;
  for (const Family& family : kFamiliesByName) {
    if ((" " + name).find(std::string(" ") + family.text) != std::string::npos) return std::string("family ") + family.name;
  }
  for (const Family& family : kFamiliesBySubgroup) {
    if (sequence.subgroup == family.text) return std::string("family ") + family.name;
  }
  // Behind the colon stand skin tones, hair and members.
  std::istringstream in(name.substr(0, name.find(": ")));
  std::string word, key;
  while (in >> word) {
    if (stripped_words().count(word) == 0) key += (key.empty() ? "" : " ") + singular(word);
  }
  return "name " + (key.empty() ? "person" : key);
}

}  // namespace

std::vector<std::string> concepts_of(const EmojiSequence& sequence) {
  std::vector<std::string> result = {code_point_concept(sequence.code_points)};
  if (!sequence.name.empty()) result.push_back(name_concept(sequence));
  return result;
}

}  // namespace tessera
