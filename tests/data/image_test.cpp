// Decoding and resizing of single images.
#include <torch/torch.h>

#include "data/image_file.hpp"
#include "data/image_tensor.hpp"
#include "scratch.hpp"

namespace tessera {
namespace {

TEST(DecodeImage, PutsTransparentPixelsOnWhite) {
  Image8 image{1, 3, 4, {10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128}};
  const Image8 found = decode_image(encode_png(image), "a.png");
  EXPECT_EQ(found.channels, 3);
  EXPECT_EQ(found.pixels, (std::vector<uint8_t>{10, 20, 30, 255, 255, 255, 127, 127, 127}));
}

TEST(DecodeImage, MakesGreyRgb) {
  EXPECT_EQ(decode_image(encode_png({1, 2, 1, {7, 200}}), "a.png").pixels, (std::vector<uint8_t>{7, 7, 7, 200, 200, 200}));
  const Image8 jpeg = decode_image(encode_jpeg(plain_image(8, 8, 1, 90, 90), JCS_GRAYSCALE), "a.jpg");
  EXPECT_EQ(jpeg.channels, 3);
  EXPECT_EQ(jpeg.pixels, std::vector<uint8_t>(8 * 8 * 3, 90));
}

// 2 x 1 pixels, 16-bit grey: 0x0180 and 0xFFFF. Bytes, because our own writer has 8 bits.
constexpr const char* kSixteenBitPng = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABEAAAAACB2fwVAAAADUlEQVR4nGNgbPj/HwAEhgKAkD9MMQAAAABJRU5ErkJggg==";
TEST(DecodeImage, RoundsSixteenBitsToEight) {
  const std::string bytes = base64_decode(kSixteenBitPng);
  EXPECT_EQ(decode_image(bytes, "a.png").pixels, (std::vector<uint8_t>{1, 1, 1, 255, 255, 255}));
}

TEST(DecodeImage, ReadsJpegWithinItsLoss) {
  const Image8 image = plain_image(16, 16, 3, 120, 120);
  const Image8 found = decode_image(encode_jpeg(image), "a.jpg");
  for (size_t i = 0; i < image.pixels.size(); i++) EXPECT_NEAR(found.pixels[i], image.pixels[i], 1);
}

TEST(DecodeImage, NamesTheDamagedFile) {
  const std::string png = encode_png(plain_image(8, 8, 3, 5)), jpeg = encode_jpeg(plain_image(64, 64, 3, 5));
  EXPECT_EQ(error_of([&] { decode_image("hello", "x/a.png"); }), "x/a.png: found neither a PNG nor a JPEG image");
  EXPECT_EQ(error_of([&] { decode_image("", "x/a.png"); }), "x/a.png: found neither a PNG nor a JPEG image");
  EXPECT_EQ(error_of([&] { decode_image(jpeg.substr(0, jpeg.size() / 2), "a.jpg"); }), "a.jpg: damaged JPEG: Premature end of JPEG file");
  EXPECT_EQ(error_of([&] { decode_image(png.substr(0, 40), "a.png"); }).substr(0, 20), "a.png: damaged PNG: ");
  const std::string cmyk = encode_jpeg(plain_image(8, 8, 4, 5), JCS_CMYK);
  EXPECT_EQ(error_of([&] { decode_image(cmyk, "a.jpg"); }), "a.jpg: damaged JPEG: found a CMYK JPEG, expected grey or RGB");
}

TEST(Resize, AveragesTheAreaThatAPixelCovers) {
  EXPECT_EQ(resize({2, 2, 1, {0, 100, 200, 100}}, 1, 1).pixels, std::vector<uint8_t>{100});
  // 3 -> 2: each new pixel is one and a half old ones. (0 + 0.5 * 90) / 1.5 = 30, (0.5 * 90 + 150) / 1.5 = 130.
  EXPECT_EQ(resize({1, 3, 1, {0, 90, 150}}, 1, 2).pixels, (std::vector<uint8_t>{30, 130}));
  EXPECT_NE(resize({1, 4, 1, {0, 255, 0, 255}}, 1, 2).pixels, (std::vector<uint8_t>{0, 0})) << "mutant: nearest neighbour";
}

TEST(Resize, InterpolatesWhenItGrows) {
  EXPECT_EQ(resize({1, 2, 1, {0, 100}}, 1, 4).pixels, (std::vector<uint8_t>{0, 25, 75, 100}));
  EXPECT_EQ(resize({1, 1, 3, {1, 2, 3}}, 2, 2).pixels, (std::vector<uint8_t>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
}

TEST(Resize, KeepsAUniformImageUniform) {
  for (int64_t size : {7, 32, 100}) {
    for (uint8_t value : resize(plain_image(136, 128, 3, 255, 255), size, size).pixels) ASSERT_EQ(value, 255);
  }
}

TEST(ResizeAndCrop, KeepsTheMiddle) {
  // 2 x 6: columns 0..5; the middle two remain.
  const Image8 image{2, 6, 1, {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}};
  EXPECT_EQ(resize_and_crop(image, 2).pixels, (std::vector<uint8_t>{2, 3, 2, 3}));
}

TEST(PadToSquare, AddsEqualWhiteBorders) {
  EXPECT_EQ(pad_to_square({1, 3, 1, {7, 8, 9}}).pixels, (std::vector<uint8_t>{255, 255, 255, 7, 8, 9, 255, 255, 255}));
}

TEST(ImageTensor, RoundTrips) {
  const Image8 image{2, 2, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
  at::Tensor images_MCHW = at::zeros({2, 3, 2, 2}, at::kByte);
  store_image(image, images_MCHW, 1);
  EXPECT_EQ(images_MCHW[1][0][0][1].item<int>(), 4);
  EXPECT_EQ(image_of(images_MCHW[1]).pixels, image.pixels);
  EXPECT_EQ(images_MCHW[0].sum().item<int64_t>(), 0);
}

}  // namespace
}  // namespace tessera
