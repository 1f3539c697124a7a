// Source `emoji`: the colour bitmaps of Noto Color Emoji, about 3,900 pictures of one style. Classes are the groups of
// emoji-test.txt; a glyph that no listed sequence reaches has the class "Other".
#pragma once
#include "data/source.hpp"

namespace tessera {

class EmojiSource {
 public:
  static constexpr const char* kId = "emoji";
  static constexpr const char* kSummary = "Colour bitmaps of Noto Color Emoji on white";
  struct Options {
    int64_t size = 32;
    std::string font = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";
    std::string sequences = "/usr/share/unicode/emoji/emoji-test.txt";
    template <class Visitor>
    void visit(Visitor& v) {
      v("size", size, "Height and width of the images.", Effect::architecture, range(8, 512));
      v("font", font, "The font file; Debian package fonts-noto-color-emoji.", Effect::inference);
      v("sequences", sequences, "Unicode's emoji-test.txt; Debian package unicode-data.", Effect::inference);
    }
  };
  explicit EmojiSource(Options options) : options_(std::move(options)) {}
  SourceFacts inspect() const;
  RawImages load() const;

 private:
  Options options_;
};

}  // namespace tessera
