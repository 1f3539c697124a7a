// The colour bitmaps of an emoji font (CBDT table, as Noto Color Emoji) through FreeType, and which code-point sequences reach
// them: HarfBuzz applies the font's ligatures to every line of Unicode's emoji-test.txt and to every single code point, which
// FreeType alone cannot. Bitmaps, not outlines: the pictures are those the font's authors drew, and no rasteriser's version
// can change them.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/png.hpp"

namespace tessera {

using CodePoints = std::vector<uint32_t>;

struct EmojiSequence {
  CodePoints code_points;       // of the fully qualified form where there is one
  std::string name;             // "waving hand: light skin tone"; empty for a code point that is no emoji of its own
  std::string group, subgroup;  // "People & Body", "hand-fingers-open"
};

struct EmojiGlyph {
  uint32_t index = 0;                    // in the font
  std::vector<EmojiSequence> sequences;  // that reach it, in the order of emoji-test.txt; may be empty
};

// Lines of emoji-test.txt, all qualifications. Throws Error(bad_config) naming file and line.
std::vector<EmojiSequence> read_emoji_test(const std::filesystem::path& path);

class EmojiFont {
 public:
  // Throws Error(bad_config) where the file is no font, or a font without colour bitmaps.
  explicit EmojiFont(const std::filesystem::path& path);
  ~EmojiFont();
  EmojiFont(const EmojiFont&) = delete;
  EmojiFont& operator=(const EmojiFont&) = delete;

  // Every glyph with a bitmap that is not empty, by index. Besides the sequences themselves their skin tones and right-facing
  // forms are tried: fonts have them before the list does.
  std::vector<EmojiGlyph> glyphs(const std::vector<EmojiSequence>& sequences) const;
  // The glyph's bitmap on white: RGB, 8 bits.
  Image8 draw(uint32_t glyph) const;

 private:
  // The single glyph that the sequence is drawn with; 0 where it takes several or the font has none.
  uint32_t shape(const CodePoints& code_points) const;
  struct Handles;
  std::filesystem::path path_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace tessera
