#include "data/image_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <vector>
// jpeglib.h needs cstdio before it.
#include <jpeglib.h>

#include "core/error.hpp"

namespace tessera {
namespace {

constexpr int64_t kMaxSide = 16384;  // what decode_png allows as well

struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf escape;
  char text[JMSG_LENGTH_MAX] = "";
};

// libjpeg calls this for errors and, through emit, for warnings: both mean that pixels are missing.
[[noreturn]] void leave_jpeg(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->text);
  std::longjmp(errors->escape, 1);
}
void on_jpeg_message(j_common_ptr info, int level) {
  if (level < 0) leave_jpeg(info);
}

// No object with a destructor lives between setjmp and longjmp: `image` belongs to the caller. Returns libjpeg's reason, or null.
const char* read_jpeg(std::string_view bytes, Image8& image, JpegErrors& errors) {
  jpeg_decompress_struct info;
  info.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave_jpeg;
  errors.manager.emit_message = on_jpeg_message;
  if (setjmp(errors.escape) != 0) {
    jpeg_destroy_decompress(&info);
    return errors.text;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  if (info.num_components == 4) {
    jpeg_destroy_decompress(&info);
    return "found a CMYK JPEG, expected grey or RGB";
  }
  if (info.image_height > kMaxSide || info.image_width > kMaxSide) {
    jpeg_destroy_decompress(&info);
    return "found more than 16384 pixels a side";
  }
  info.out_color_space = JCS_RGB;
  // Fixed, so that another build of libjpeg-turbo gives the same pixels.
  info.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&info);
  image.height = info.output_height;
  image.width = info.output_width;
  image.channels = 3;
  image.pixels.resize(static_cast<size_t>(image.height * image.width * 3));
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.pixels.data() + static_cast<size_t>(info.output_scanline) * static_cast<size_t>(image.width) * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return nullptr;
}

// The input pixels that one output pixel is made of.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights;
};

std::vector<Taps> make_taps(int64_t from, int64_t to) {
  std::vector<Taps> result(static_cast<size_t>(to));
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t i = 0; i < to; i++) {
    Taps& taps = result[static_cast<size_t>(i)];
    if (scale >= 1) {
      const double begin = static_cast<double>(i) * scale, end = begin + scale;
      taps.first = static_cast<int64_t>(begin);
      for (int64_t j = taps.first; j < from && static_cast<double>(j) < end - 1e-9; j++) {
        const double covered = std::min(end, static_cast<double>(j + 1)) - std::max(begin, static_cast<double>(j));
        taps.weights.push_back(covered / scale);
      }
    } else {
      const double centre = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
      taps.first = std::min(static_cast<int64_t>(centre), std::max<int64_t>(from - 2, 0));
      const double part = centre - static_cast<double>(taps.first);
      taps.weights.push_back(1 - part);
      if (from > 1) taps.weights.push_back(part);
    }
  }
  return result;
}

}  // namespace

Image8 decode_image(std::string_view bytes, const std::string& name) {
  const bool png = bytes.substr(0, 4) == "\x89PNG", jpeg = bytes.substr(0, 2) == "\xff\xd8";
  if (!png && !jpeg) throw Error(ExitCode::bad_config, name + ": found neither a PNG nor a JPEG image");
  if (png) {
    try {
      return to_rgb_on_white(decode_png(bytes));
    } catch (const Error& error) {
      throw Error(ExitCode::bad_config, fmt::format("{}: damaged PNG: {}", name, error.what()));
    }
  }
  Image8 image;
  JpegErrors errors;
  if (const char* reason = read_jpeg(bytes, image, errors)) {
    throw Error(ExitCode::bad_config, fmt::format("{}: damaged JPEG: {}", name, reason));
  }
  return image;
}

Image8 resize(const Image8& image, int64_t height, int64_t width) {
  if (image.height == height && image.width == width) return image;
  const auto rows = make_taps(image.height, height), columns = make_taps(image.width, width);
  const int64_t channels = image.channels;
  // Rows first, unrounded, then columns.
  std::vector<double> tall(static_cast<size_t>(height * image.width * channels));
  const int64_t stride = image.width * channels;
  for (int64_t y = 0; y < height; y++) {
    const Taps& taps = rows[static_cast<size_t>(y)];
    double* out = tall.data() + y * stride;
    for (size_t k = 0; k < taps.weights.size(); k++) {
      const uint8_t* in = image.pixels.data() + (taps.first + static_cast<int64_t>(k)) * stride;
      for (int64_t x = 0; x < stride; x++) out[x] += taps.weights[k] * in[x];
    }
  }
  Image8 result{height, width, channels, std::vector<uint8_t>(static_cast<size_t>(height * width * channels))};
  for (int64_t y = 0; y < height; y++) {
    for (int64_t x = 0; x < width; x++) {
      const Taps& taps = columns[static_cast<size_t>(x)];
      for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (size_t k = 0; k < taps.weights.size(); k++) {
          sum += taps.weights[k] * tall[static_cast<size_t>(y * stride + (taps.first + static_cast<int64_t>(k)) * channels + c)];
        }
        result.pixels[static_cast<size_t>((y * width + x) * channels + c)] = static_cast<uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
      }
    }
  }
  return result;
}

Image8 resize_and_crop(const Image8& image, int64_t size) {
  const double scale = static_cast<double>(size) / static_cast<double>(std::min(image.height, image.width));
  const auto scaled = [&](int64_t side) { return std::max<int64_t>(size, std::lround(static_cast<double>(side) * scale)); };
  const Image8 fitted = resize(image, scaled(image.height), scaled(image.width));
  const int64_t top = (fitted.height - size) / 2, left = (fitted.width - size) / 2;
  Image8 result{size, size, fitted.channels, {}};
  result.pixels.reserve(static_cast<size_t>(size * size * fitted.channels));
  for (int64_t y = 0; y < size; y++) {
    const auto row = fitted.pixels.begin() + ((top + y) * fitted.width + left) * fitted.channels;
    result.pixels.insert(result.pixels.end(), row, row + size * fitted.channels);
  }
  return result;
}

Image8 pad_to_square(const Image8& image) {
  const int64_t side = std::max(image.height, image.width), channels = image.channels;
  const int64_t top = (side - image.height) / 2, left = (side - image.width) / 2;
  Image8 result{side, side, channels, std::vector<uint8_t>(static_cast<size_t>(side * side * channels), 255)};
  for (int64_t y = 0; y < image.height; y++) {
    const auto row = image.pixels.begin() + y * image.width * channels;
    std::copy(row, row + image.width * channels, result.pixels.begin() + ((top + y) * side + left) * channels);
  }
  return result;
}

}  // namespace tessera
