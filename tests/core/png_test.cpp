#include "core/png.hpp"

#include "scratch_folder.hpp"

namespace tessera {
namespace {

struct Case {
  const char* file;
  int64_t height, width, channels;
  std::vector<uint8_t> pixels;
};

Image8 golden(const std::string& name) {
  return decode_png(read_file(std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/core/golden" / name));
}

TEST(Png, EveryKindBecomesEightBit) {
  const std::vector<Case> cases = {
      {"grey1.png", 1, 4, 1, {255, 0, 255, 0}},
      {"grey16.png", 1, 3, 1, {0, 128, 255}},
      {"grey_key.png", 1, 2, 2, {10, 255, 20, 0}},
      {"grey_alpha.png", 1, 2, 2, {10, 0, 20, 255}},
      {"rgb16.png", 2, 1, 3, {1, 2, 255, 0, 1, 255}},  // 128/257 and 129/257 lie on either side of a half
      {"palette.png", 1, 3, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}},
      {"palette_alpha.png", 1, 3, 4, {255, 0, 0, 0, 0, 255, 0, 128, 0, 0, 255, 255}},
  };
  for (const auto& expected : cases) {
    Image8 image = golden(expected.file);
    EXPECT_EQ(image.height, expected.height) << expected.file;
    EXPECT_EQ(image.width, expected.width) << expected.file;
    EXPECT_EQ(image.channels, expected.channels) << expected.file;
    EXPECT_EQ(image.pixels, expected.pixels) << expected.file;
  }
  Image8 interlaced = golden("interlaced.png");
  ASSERT_EQ(interlaced.pixels.size(), 81u);
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 9; ++x) EXPECT_EQ(interlaced.pixels[static_cast<size_t>(9 * y + x)], 10 * y + x);
}

TEST(Png, WhiteShowsThroughWhatIsTransparent) {
  EXPECT_EQ(to_rgb_on_white(golden("palette_alpha.png")).pixels, (std::vector<uint8_t>{255, 255, 255, 127, 255, 127, 0, 0, 255}));
  EXPECT_EQ(to_rgb_on_white(golden("grey_alpha.png")).pixels, (std::vector<uint8_t>{255, 255, 255, 20, 20, 20}));
  EXPECT_EQ(to_rgb_on_white(golden("grey16.png")).pixels, (std::vector<uint8_t>{0, 0, 0, 128, 128, 128, 255, 255, 255}));
}

TEST(Png, RoundTripIsExactAndDeterministic) {
  for (int64_t channels = 1; channels <= 4; ++channels) {
    Image8 image{5, 7, channels, {}};
    for (int64_t i = 0; i < 35 * channels; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 37 + 11));
    std::string bytes = encode_png(image);
    EXPECT_EQ(encode_png(image), bytes);
    Image8 back = decode_png(bytes);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST(Png, RefusesWhatIsNoImage) {
  EXPECT_EQ(error_of([] { decode_png(""); }), "cannot decode PNG: the file ends too early");
  EXPECT_EQ(error_of([] { decode_png("GIF89a, and some more bytes"); }), "cannot decode PNG: Not a PNG file");
  EXPECT_EQ(error_of([] { encode_png({1, 1, 3, {1, 2}}); }), "cannot encode PNG: 2 bytes for 1x1x3");
  std::string good = encode_png({4, 4, 1, std::vector<uint8_t>(16, 9)});
  for (size_t size = 0; size < good.size(); ++size) EXPECT_NE(error_of([&] { decode_png(good.substr(0, size)); }), "") << size;
  std::string wide = good;  // a width of 2^24: refused by the bound, before any memory is taken
  wide[16] = 1;
  EXPECT_NE(error_of([&] { decode_png(wide); }), "");
}

}  // namespace
}  // namespace tessera
