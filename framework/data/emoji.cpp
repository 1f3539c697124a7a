#include "data/emoji.hpp"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "core/hash.hpp"
#include "data/disjoint_sets.hpp"
#include "data/emoji_concepts.hpp"
#include "data/emoji_font.hpp"
#include "data/image_file.hpp"
#include "data/image_tensor.hpp"

namespace tessera {
namespace {

// Groups of emoji-test.txt, in its order. Fixed here, so that the number of classes is known without reading the font.
const std::vector<std::string>& emoji_classes() {
  static const std::vector<std::string> classes = {"Smileys & Emotion", "People & Body",   "Component",  "Animals & Nature",
                                                   "Food & Drink",      "Travel & Places", "Activities", "Objects",
                                                   "Symbols",           "Flags",           "Other"};
  return classes;
}

// "u1f468_1f3fb", without variation selectors, as Noto names its pictures; "glyph123" where no sequence reaches it.
std::string name_of(const EmojiGlyph& glyph) {
  std::string name;
  if (!glyph.sequences.empty()) {
    for (uint32_t c : glyph.sequences.front().code_points) {
      if (c != 0xFE0F) name += fmt::format("{}{:04x}", name.empty() ? "u" : "_", c);
    }
  }
  return name.empty() ? fmt::format("glyph{}", glyph.index) : name;
}

int64_t label_of(const EmojiGlyph& glyph) {
  const auto& classes = emoji_classes();
  const auto found = std::find(classes.begin(), classes.end(), glyph.sequences.empty() ? "" : glyph.sequences.front().group);
  return std::min<int64_t>(found - classes.begin(), static_cast<int64_t>(classes.size()) - 1);
}

// Glyphs joined by a shared concept, by any of the sequences that reach them: the name of each one's first glyph.
std::vector<std::string> group_by_concept(const std::vector<EmojiGlyph>& glyphs) {
  DisjointSets sets(static_cast<int64_t>(glyphs.size()));
  std::map<std::string, int64_t> first_of;
  for (size_t i = 0; i < glyphs.size(); i++) {
    for (const auto& sequence : glyphs[i].sequences) {
      for (const auto& concept_name : concepts_of(sequence)) {
        const auto [entry, is_new] = first_of.emplace(concept_name, static_cast<int64_t>(i));
        if (!is_new) sets.unite(entry->second, static_cast<int64_t>(i));
      }
    }
  }
  std::vector<std::string> groups;
  for (size_t i = 0; i < glyphs.size(); i++) groups.push_back(name_of(glyphs[static_cast<size_t>(sets.first(static_cast<int64_t>(i)))]));
  return groups;
}

}  // namespace

SourceFacts EmojiSource::inspect() const {
  // Opened, not only hashed: what is wrong with them is said before any work is done.
  const std::string font_hash = blame("font", [&] {
    const EmojiFont font(options_.font);
    return sha256_file(options_.font);
  });
  const std::string sequences_hash = blame("sequences", [&] {
    read_emoji_test(options_.sequences);
    return sha256_file(options_.sequences);
  });
  return {sha256(font_hash + sequences_hash),
          {options_.font, options_.sequences},
          {3, options_.size, options_.size},
          static_cast<int64_t>(emoji_classes().size())};
}

RawImages EmojiSource::load() const {
  const auto font = blame("font", [&] { return std::make_unique<EmojiFont>(options_.font); });
  const auto sequences = blame("sequences", [&] { return read_emoji_test(options_.sequences); });
  const auto glyphs = blame("font", [&] { return font->glyphs(sequences); });
  const auto count = static_cast<int64_t>(glyphs.size());
  RawImages result;
  result.images_MCHW = at::empty({count, 3, options_.size, options_.size}, at::kByte);
  for (int64_t i = 0; i < count; i++) {
    const EmojiGlyph& glyph = glyphs[static_cast<size_t>(i)];
    store_image(resize(pad_to_square(font->draw(glyph.index)), options_.size, options_.size), result.images_MCHW, i);
    result.names.push_back(name_of(glyph));
    result.labels.push_back(label_of(glyph));
  }
  result.groups = group_by_concept(glyphs);
  result.splits.assign(static_cast<size_t>(count), GivenSplit::by_content);
  result.class_names = emoji_classes();
  return result;
}

}  // namespace tessera
