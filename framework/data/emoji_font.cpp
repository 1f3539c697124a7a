#include "data/emoji_font.hpp"

#include <fmt/format.h>
#include <ft2build.h>
#include <hb-ot.h>
#include <hb.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include FT_FREETYPE_H

#include "core/error.hpp"
#include "data/refuse_file.hpp"

namespace tessera {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// "1F44B 1F3FB" -> {0x1F44B, 0x1F3FB}; empty where it is something else.
CodePoints parse_code_points(const std::string& text) {
  CodePoints result;
  std::istringstream in(text);
  std::string word;
  while (in >> word) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(word.c_str(), &end, 16);
    if (*end != 0 || value > 0x10FFFF) return {};
    result.push_back(static_cast<uint32_t>(value));
  }
  return result;
}

// The comment of a line is "# <picture> E<version> <name>".
std::string parse_name(const std::string& comment) {
  std::istringstream in(comment);
  std::string picture, version, name;
  in >> picture >> version;
  std::getline(in, name);
  return trimmed(name);
}

// The five skin tones behind the first code point, and each of them, and the sequence itself, facing right.
std::vector<CodePoints> unlisted_forms(const CodePoints& sequence) {
  std::vector<CodePoints> forms = {sequence};
  for (uint32_t tone = 0x1F3FB; tone <= 0x1F3FF; tone++) {
    forms.push_back(sequence);
    forms.back().insert(forms.back().begin() + 1, tone);
  }
  const size_t upright = forms.size();
  for (size_t i = 0; i < upright; i++) {
    forms.push_back(forms[i]);
    for (uint32_t c : {0x200Du, 0x27A1u, 0xFE0Fu}) forms.back().push_back(c);
  }
  return forms;
}

}  // namespace

std::vector<EmojiSequence> read_emoji_test(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) refuse_file(path, "found no readable file, expected Unicode's emoji-test.txt (Debian package unicode-data)");
  std::vector<EmojiSequence> result;
  std::string line, group, subgroup;
  for (int64_t number = 1; std::getline(in, line); number++) {
    if (line.rfind("# group: ", 0) == 0) group = trimmed(line.substr(9));
    if (line.rfind("# subgroup: ", 0) == 0) subgroup = trimmed(line.substr(12));
    if (trimmed(line).empty() || line[0] == '#') continue;
    const auto semicolon = line.find(';'), hash = line.find('#');
    EmojiSequence sequence;
    if (semicolon != std::string::npos && hash != std::string::npos && semicolon < hash) {
      sequence = {parse_code_points(line.substr(0, semicolon)), parse_name(line.substr(hash + 1)), group, subgroup};
    }
    if (sequence.code_points.empty() || sequence.name.empty()) {
      refuse_file(path, fmt::format("line {}: found '{}', expected '<code points> ; <status> # <emoji> <version> <name>'", number,
                                    line.substr(0, 60)));
    }
    result.push_back(std::move(sequence));
  }
  if (result.empty()) refuse_file(path, "found no emoji, expected Unicode's emoji-test.txt");
  return result;
}

struct EmojiFont::Handles {
  FT_Library library = nullptr;
  FT_Face face = nullptr;
  hb_font_t* font = nullptr;
  hb_buffer_t* buffer = nullptr;
  ~Handles() {
    if (buffer) hb_buffer_destroy(buffer);
    if (font) hb_font_destroy(font);
    if (face) FT_Done_Face(face);
    if (library) FT_Done_FreeType(library);
  }
};

EmojiFont::EmojiFont(const std::filesystem::path& path) : path_(path), handles_(std::make_unique<Handles>()) {
  auto& h = *handles_;
  if (!std::filesystem::is_regular_file(path)) {
    refuse_file(path, "found no file, expected a colour emoji font (Debian package fonts-noto-color-emoji)");
  }
  if (FT_Init_FreeType(&h.library) != 0) refuse_file(path, "FreeType could not be started");
  if (FT_New_Face(h.library, path.c_str(), 0, &h.face) != 0)
    refuse_file(path, "found a file that is no font, expected a colour emoji font");
  if (!FT_HAS_COLOR(h.face) || h.face->num_fixed_sizes < 1 || FT_Select_Size(h.face, 0) != 0) {
    refuse_file(path, "found a font without colour bitmaps, expected a CBDT table (Debian package fonts-noto-color-emoji)");
  }
  hb_blob_t* blob = hb_blob_create_from_file_or_fail(path.c_str());
  if (!blob) refuse_file(path, "HarfBuzz could not read the font");
  hb_face_t* face = hb_face_create(blob, 0);
  h.font = hb_font_create(face);
  h.buffer = hb_buffer_create();
  hb_face_destroy(face);
  hb_blob_destroy(blob);
}

EmojiFont::~EmojiFont() = default;

uint32_t EmojiFont::shape(const CodePoints& code_points) const {
  hb_buffer_t* buffer = handles_->buffer;
  hb_buffer_reset(buffer);
  hb_buffer_set_flags(buffer, HB_BUFFER_FLAG_REMOVE_DEFAULT_IGNORABLES);
  hb_buffer_add_codepoints(buffer, code_points.data(), static_cast<int>(code_points.size()), 0, static_cast<int>(code_points.size()));
  hb_buffer_guess_segment_properties(buffer);
  hb_shape(handles_->font, buffer, nullptr, 0);
  unsigned count = 0;
  const hb_glyph_info_t* glyphs = hb_buffer_get_glyph_infos(buffer, &count);
  return count == 1 ? glyphs[0].codepoint : 0;
}

std::vector<EmojiGlyph> EmojiFont::glyphs(const std::vector<EmojiSequence>& sequences) const {
  FT_Face face = handles_->face;
  std::map<uint32_t, std::vector<EmojiSequence>> reached;
  for (const auto& sequence : sequences) {
    if (const uint32_t glyph = shape(sequence.code_points)) reached[glyph].push_back(sequence);
  }
  // A glyph that the list reaches keeps the list's names alone.
  std::map<uint32_t, std::vector<EmojiSequence>> unlisted;
  for (const auto& sequence : sequences) {
    for (const CodePoints& form : unlisted_forms(sequence.code_points)) {
      const uint32_t glyph = shape(form);
      if (glyph != 0 && reached.count(glyph) == 0) unlisted[glyph].push_back({form, sequence.name, sequence.group, sequence.subgroup});
    }
  }
  reached.merge(unlisted);
  FT_UInt glyph = 0;
  for (FT_ULong code = FT_Get_First_Char(face, &glyph); glyph != 0; code = FT_Get_Next_Char(face, code, &glyph)) {
    if (reached.count(glyph) == 0) reached[glyph].push_back({{static_cast<uint32_t>(code)}, "", "", ""});
  }
  std::vector<EmojiGlyph> result;
  for (FT_Long index = 0; index < face->num_glyphs; index++) {
    const auto glyph_index = static_cast<uint32_t>(index);
    // A bitmap that cannot be loaded is a glyph without one (.notdef, spaces): FreeType does not tell them apart.
    if (FT_Load_Glyph(face, glyph_index, FT_LOAD_COLOR | FT_LOAD_BITMAP_METRICS_ONLY) != 0) continue;
    const FT_Bitmap& bitmap = face->glyph->bitmap;
    if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || bitmap.width == 0 || bitmap.rows == 0) continue;
    result.push_back({glyph_index, reached[glyph_index]});
  }
  if (result.empty())
    refuse_file(path_, "found a font without colour bitmaps, expected a CBDT table (Debian package fonts-noto-color-emoji)");
  return result;
}

Image8 EmojiFont::draw(uint32_t glyph) const {
  FT_Face face = handles_->face;
  if (FT_Load_Glyph(face, glyph, FT_LOAD_COLOR) != 0 || face->glyph->bitmap.pixel_mode != FT_PIXEL_MODE_BGRA) {
    refuse_file(path_, fmt::format("glyph {} has no colour bitmap", glyph));
  }
  const FT_Bitmap& bitmap = face->glyph->bitmap;
  Image8 image{bitmap.rows, bitmap.width, 3, {}};
  image.pixels.reserve(static_cast<size_t>(bitmap.rows) * bitmap.width * 3);
  for (unsigned row = 0; row < bitmap.rows; row++) {
    const unsigned char* source = bitmap.buffer + static_cast<ptrdiff_t>(row) * bitmap.pitch;
    for (unsigned column = 0; column < bitmap.width; column++, source += 4) {
      // BGRA, premultiplied: on white, c + (255 - alpha).
      for (int channel : {2, 1, 0}) image.pixels.push_back(static_cast<uint8_t>(std::min(255, source[channel] + 255 - source[3])));
    }
  }
  return image;
}

}  // namespace tessera
