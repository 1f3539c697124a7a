#include "core/png.hpp"

#include <png.h>

#include <csetjmp>
#include <cstring>

#include "core/error.hpp"

namespace tessera {
namespace {

constexpr int64_t kMaxSide = 16384, kMaxPixels = 64'000'000;

// libpng reports through longjmp; the text is kept here.
struct Failure {
  std::string text = "out of memory";
};

[[noreturn]] void fail(png_structp png, png_const_charp text) {
  static_cast<Failure*>(png_get_error_ptr(png))->text = text;
  png_longjmp(png, 1);
}
void ignore_warning(png_structp, png_const_charp) {}

void append_bytes(png_structp png, png_bytep bytes, size_t count) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), count);
}
void flush_nothing(png_structp) {}

void take_bytes(png_structp png, png_bytep bytes, size_t count) {
  auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (rest->size() < count) png_error(png, "the file ends too early");
  std::memcpy(bytes, rest->data(), count);
  rest->remove_prefix(count);
}

// Asks libpng for 8-bit channels without a palette.
void ask_for_8_bit(png_structp png, png_infop info) {
  int type = png_get_color_type(png, info);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
  if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

// The two functions that may be left by longjmp hold no object with a destructor; what they fill lies in the caller's frame.
__attribute__((noinline)) bool write_all(png_structp png, png_infop info, const Image8& image, std::string& bytes) {
  if (setjmp(png_jmpbuf(png))) return false;
  constexpr int kColourTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  png_set_write_fn(png, &bytes, append_bytes, flush_nothing);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               kColourTypes[image.channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int64_t row = 0; row < image.height; ++row) png_write_row(png, image.pixels.data() + row * image.width * image.channels);
  png_write_end(png, nullptr);
  return true;
}

__attribute__((noinline)) bool read_all(png_structp png, png_infop info, std::string_view& rest, Image8& image,
                                        std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_read_fn(png, &rest, take_bytes);
  png_set_user_limits(png, kMaxSide, kMaxSide);
  png_read_info(png, info);
  image.height = png_get_image_height(png, info);
  image.width = png_get_image_width(png, info);
  if (image.height * image.width > kMaxPixels) png_error(png, "more than 64 million pixels");
  ask_for_8_bit(png, info);
  image.channels = png_get_channels(png, info);
  size_t stride = png_get_rowbytes(png, info);
  image.pixels.resize(stride * static_cast<size_t>(image.height));
  for (int64_t row = 0; row < image.height; ++row) rows.push_back(image.pixels.data() + static_cast<size_t>(row) * stride);
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

std::string encode_png(const Image8& image) {
  if (image.height < 1 || image.width < 1 || image.channels < 1 || image.channels > 4 ||
      image.pixels.size() != static_cast<size_t>(image.height * image.width * image.channels))
    throw Error(ExitCode::run_failed, "cannot encode PNG: " + std::to_string(image.pixels.size()) + " bytes for " +
                                          std::to_string(image.height) + "x" + std::to_string(image.width) + "x" +
                                          std::to_string(image.channels));
  Failure failure;
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure, fail, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  bool done = info && write_all(png, info, image, bytes);
  png_destroy_write_struct(&png, &info);
  if (!done) throw Error(ExitCode::run_failed, "cannot encode PNG: " + failure.text);
  return bytes;
}

Image8 decode_png(std::string_view bytes) {
  Failure failure;
  Image8 image;
  std::vector<png_bytep> rows;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure, fail, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  bool done = info && read_all(png, info, bytes, image, rows);
  png_destroy_read_struct(&png, &info, nullptr);
  if (!done) throw Error(ExitCode::run_failed, "cannot decode PNG: " + failure.text);
  return image;
}

Image8 to_rgb_on_white(const Image8& image) {
  Image8 rgb{image.height, image.width, 3, {}};
  auto pixels = static_cast<size_t>(image.height * image.width), channels = static_cast<size_t>(image.channels);
  rgb.pixels.resize(pixels * 3);
  bool grey = channels < 3, transparent = channels % 2 == 0;
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* from = image.pixels.data() + i * channels;
    int alpha = transparent ? from[channels - 1] : 255;
    for (size_t c = 0; c < 3; ++c)
      rgb.pixels[i * 3 + c] = static_cast<uint8_t>((from[grey ? 0 : c] * alpha + 255 * (255 - alpha) + 127) / 255);
  }
  return rgb;
}

}  // namespace tessera
