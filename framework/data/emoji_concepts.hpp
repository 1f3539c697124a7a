// Which emoji show one concept, so that a split by concept does not test on a recoloured or mirrored training image.
#pragma once
#include <string>
#include <vector>

#include "data/emoji_font.hpp"

namespace tessera {

// Two glyphs that share a concept belong together. From the code points: skin tone, gender, hair, variation selectors, joiners
// and direction are stripped. From the name: words of gender, age, direction, colour and size are stripped, and families of near-equal
// pictures (clocks, moons, keycaps, arrows, …) have one concept.
std::vector<std::string> concepts_of(const EmojiSequence& sequence);

}  // namespace tessera
