#include "data/emoji_concepts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <utility>

namespace tessera {
namespace {

bool is_decoration(uint32_t c) {
  return (c >= 0x1F3FB && c <= 0x1F3FF)      // skin tones
         || (c >= 0x1F9B0 && c <= 0x1F9B3)   // hair
         || c == 0x2640 || c == 0x2642 || c == 0x26A7  // gender signs
         || c == 0x200D || c == 0xFE0F || c == 0xFE0E  // joiner, variation selectors
         || c == 0x27A1 || c == 0x2B05;      // direction
}

// Man, woman, person, the young and the old, are one figure in different hair.
uint32_t plain_figure(uint32_t c) {
  static const std::set<uint32_t> figures = {0x1F466, 0x1F467, 0x1F468, 0x1F469, 0x1F474, 0x1F475, 0x1F476, 0x1F9D1, 0x1F9D2, 0x1F9D3, 0x1F9D4};
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

// Families whose members differ in a detail only. The text is searched in name or sub-group.
const std::vector<std::pair<std::string, std::string>>& families() {
  static const std::vector<std::pair<std::string, std::string>> table = {
      {"o’clock", "clock face"}, {"-thirty", "clock face"}, {" moon", "moon"},          {"globe showing", "globe"},
      {"keycap", "keycap"},      {"zodiac", "zodiac"},      {"arrow", "arrow"},         {"geometric", "geometric"},
      {"alphanum", "button"},    {" button", "button"},     {"claus", "claus"},         {"prince", "royal"},
      {"kiss:", "kiss"},         {"family", "family"},      {"couple with heart", "couple with heart"},
      {"holding hands", "holding hands"},                   {"dancing", "dancer"},      {"mailbox", "mailbox"},
      {"envelope", "envelope"},  {"book", "book"},          {"heart", "heart"},         {"signal", "signal"},
      {"speaker", "speaker"},    {"magnifying glass", "magnifying glass"},              {"locked", "lock"},
      {"hourglass", "hourglass"},{"snowman", "snowman"},    {"exclamation", "punctuation"}, {"question mark", "punctuation"},
      {"-piece", "swimwear"},    {"train", "train"},        {"tram", "train"},          {"metro", "train"},
      {"railway", "train"},      {"monorail", "train"},     {"bust", "bust"},           {"banknote", "banknote"},
      {"note", "note"},          {"ticket", "ticket"},      {"chart", "chart"},         {"calendar", "calendar"},
      {"page", "page"},          {"folder", "folder"},      {"medal", "medal"},         {"traffic light", "traffic light"},
      {"umbrella", "umbrella"},  {"mountain", "mountain"},  {"blossom", "flower"},      {"rosette", "flower"}};
  return table;
}

std::string name_concept(const EmojiSequence& sequence) {
  std::string name = sequence.name;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.rfind("flag: ", 0) == 0) return "name " + name;
  for (const auto& [text, family] : families()) {
    if (name.find(text) != std::string::npos || sequence.subgroup.find(text) != std::string::npos) return "family " + family;
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
