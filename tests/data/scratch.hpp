// A folder that lives as long as a test, and images to put into it.
#pragma once
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
// jpeglib.h needs cstdio before it.
#include <jpeglib.h>

#include "core/files.hpp"
#include "core/png.hpp"

namespace tessera {

class Scratch : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    const auto path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  const std::filesystem::path root_ = std::filesystem::temp_directory_path() / ("tessera-" + make_uuid());
};

// Every pixel (r, g, b), but the corners, which are numbered, so that images differ.
inline Image8 plain_image(int64_t height, int64_t width, int64_t channels, uint8_t value, uint8_t mark = 0) {
  Image8 image{height, width, channels, std::vector<uint8_t>(static_cast<size_t>(height * width * channels), value)};
  image.pixels[0] = mark;
  return image;
}

inline std::string encode_jpeg(const Image8& image, J_COLOR_SPACE space = JCS_RGB) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.input_components = static_cast<int>(image.channels);
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<uint8_t*>(image.pixels.data()) + static_cast<int64_t>(info.next_scanline) * image.width * image.channels;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<char*>(out), size);
  std::free(out);
  return bytes;
}

// The whole text of the error that f throws; "" if it throws none.
template <class Function>
std::string error_of(Function f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace tessera
