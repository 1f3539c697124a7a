// Parity with the reference implementation (golden/), and refusal of files that lie.
#include "core/safetensors.hpp"

#include <cstring>
#include <fstream>

#include "core/hash.hpp"
#include "scratch_folder.hpp"

namespace tessera {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/core/golden";

template <class T>
std::vector<T> values_of(const ArrayView& view) {
  std::vector<T> values(view.bytes / sizeof(T));
  std::memcpy(values.data(), view.data, view.bytes);
  return values;
}

TEST(Safetensors, ReadsWhatTheReferenceWrote) {
  SafetensorsFile file(kGolden / "golden.safetensors");
  EXPECT_EQ(file.names(),
            (std::vector<std::string>{"codes", "double", "empty", "half", "ids", "image", "mask", "quote\" and é", "scalar", "weight"}));
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"layout", "{\"planes\": 1}"}}));
  EXPECT_EQ(file.at("weight").shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(values_of<float>(file.at("weight"))[11], 0.875f);
  EXPECT_EQ(values_of<int64_t>(file.at("ids")), (std::vector<int64_t>{-1, int64_t{1} << 40, 3, 4}));
  EXPECT_EQ(values_of<int32_t>(file.at("codes")), (std::vector<int32_t>{1, -2, 3}));
  EXPECT_EQ(values_of<uint8_t>(file.at("mask")), (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_EQ(file.at("scalar").elements(), 1);
  EXPECT_EQ(file.at("empty").elements(), 0);
  EXPECT_EQ(file.at("half").dtype, "F16");
  EXPECT_EQ(error_of([&] { file.at("x"); }), (kGolden / "golden.safetensors").string() + ": no array x");
}

TEST(Safetensors, WritesTheSameBytesAsTheReference) {
  ScratchFolder folder;
  SafetensorsFile file(kGolden / "golden.safetensors");
  std::vector<std::pair<std::string, ArrayView>> arrays;
  for (const auto& name : file.names()) arrays.emplace_back(name, file.at(name));
  save_safetensors(folder / "copy", arrays, file.metadata());
  EXPECT_EQ(sha256_file(folder / "copy"), sha256_file(kGolden / "golden.safetensors"));
}

TEST(Safetensors, GoldenFilesAreTheOnesThatWereMade) {
  std::string sums = read_file(kGolden / "SHA256SUMS");
  size_t checked = 0;
  for (const auto& item : std::filesystem::directory_iterator(kGolden)) {
    auto name = item.path().filename().string();
    if (item.path().extension() != ".png" && item.path().extension() != ".safetensors") continue;
    EXPECT_NE(sums.find(sha256_file(item.path()) + "  " + name + "\n"), std::string::npos) << name;
    ++checked;
  }
  EXPECT_GE(checked, 9u);
}

TEST(Safetensors, EmptyFile) {
  ScratchFolder folder;
  save_safetensors(folder / "a", {});
  SafetensorsFile file(folder / "a");
  EXPECT_TRUE(file.names().empty());
}

TEST(Safetensors, WriterRefusesWhatItCouldNotReadBack) {
  ScratchFolder folder;
  float value = 1;
  auto path = folder / "a";
  EXPECT_EQ(error_of([&] {
              save_safetensors(path, {{"x", {"F31", {1}, &value, 4}}});
            }),
            path.string() + ": array x has the unknown dtype F31");
  EXPECT_EQ(error_of([&] {
              save_safetensors(path, {{"x", {"F32", {2}, &value, 4}}});
            }),
            path.string() + ": array x has a byte count that is not that of its shape");
  EXPECT_EQ(error_of([&] {
              save_safetensors(path, {{"x", {"F32", {1}, &value, 4}}, {"x", {"U8", {4}, &value, 4}}});
            }),
            path.string() + ": array x stands there twice");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

std::string with_header(const std::string& header, const std::string& data = "", int64_t claimed = -1) {
  uint64_t size = claimed < 0 ? header.size() : static_cast<uint64_t>(claimed);
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(size >> (8 * i) & 255);
  return bytes + header + data;
}

std::string array(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
}

struct Malformed {
  std::string bytes, text;
};

TEST(Safetensors, MalformedFilesAreRefused) {
  std::string eight(8, '\1');
  std::string pair = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":)";
  const std::vector<Malformed> files = {
      {"", "has 0 bytes, too few for safetensors"},
      {"1234567", "has 7 bytes, too few for safetensors"},
      {with_header("{}", "", 3), "a header of 3 bytes in a file of 10"},
      {with_header("{}", "", 100'000'001), "a header of 100000001 bytes, at most 100000000 are read"},
      {with_header("{}", "", INT64_MAX), "a header of 9223372036854775807 bytes, at most 100000000 are read"},
      {with_header(""), "the header does not begin with '{'"},
      {with_header(" {}"), "the header does not begin with '{'"},
      {with_header("{\"a\":"), "the header is no JSON"},
      {with_header("{}x"), "the header is no JSON"},
      {with_header("{\"\xFF\":1}"), "the header is no JSON"},
      {with_header("{\"a\":" + std::string(50000, '[')), "the header nests too deep"},
      {with_header("{\"a\":1,\"a\":2}"), "the header names \"a\" twice"},
      {with_header("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}"), "the header names \"dtype\" twice"},
      {with_header("{\"a\":7}"), "array \"a\" is no object"},
      {with_header("{\"a\":{}}"), "array \"a\" has no dtype"},
      {with_header(array("\"F31\"", "[2]", "[0,8]"), eight), "array \"a\" has the unknown dtype \"F31\""},
      {with_header(array("7", "[2]", "[0,8]"), eight), "array \"a\" has no dtype"},
      {with_header(array("\"F32\"", "2", "[0,8]"), eight), "array \"a\" has no shape"},
      {with_header(array("\"F32\"", "[-2]", "[0,8]"), eight), "array \"a\" has the extent -2 in its shape"},
      {with_header(array("\"F32\"", "[2.0]", "[0,8]"), eight), "array \"a\" has the extent 2.0 in its shape"},
      {with_header(array("\"F32\"", "[18446744073709551615]", "[0,8]"), eight),
       "array \"a\" has the extent 18446744073709551615 in its shape"},
      {with_header(array("\"F32\"", "[4611686018427387904,4]", "[0,8]"), eight), "array \"a\" has a shape of more than 2^62 bytes"},
      {with_header(array("\"F32\"", "[2]", "[0]"), eight), "array \"a\" has no pair of data_offsets"},
      {with_header(array("\"F32\"", "[2]", "[-8,0]"), eight), "array \"a\" has no pair of data_offsets"},
      {with_header(array("\"F32\"", "[2]", "[8,0]"), eight), "array \"a\" has the offsets [8, 0)"},
      {with_header(array("\"F32\"", "[2]", "[0,16]"), eight), "array \"a\" lies at [0, 16), beyond the 8 bytes of data"},
      {with_header(array("\"F32\"", "[3]", "[0,8]"), eight), "array \"a\" has 8 bytes of data, expected 12"},
      {with_header(array("\"U8\"", "[4]", "[0,4]"), eight), "4 bytes behind the last array"},
      {with_header(array("\"U8\"", "[4]", "[4,8]"), eight), "array \"a\" begins at 4, expected 0"},
      {with_header(pair + "[2,6]}}", eight), "array \"b\" begins at 2, expected 4"},
      {with_header("{}", eight), "8 bytes behind the last array"},
      {with_header("{\"__metadata__\":[]}"), "__metadata__ is no object"},
      {with_header("{\"__metadata__\":{\"a\":1}}"), "__metadata__ field \"a\" is no string"},
      {with_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}}"), "array \"a\" has an unknown field \"x\""},
  };
  ScratchFolder folder;
  for (const auto& file : files) {
    write_file_atomically(folder / "m", file.bytes);
    EXPECT_EQ(error_of([&] { SafetensorsFile opened(folder / "m"); }), (folder / "m").string() + ": " + file.text);
  }
  EXPECT_EQ(error_of([&] { SafetensorsFile opened(folder.path()); }), folder.path().string() + ": is no file");
}

// No flipped byte and no cut of a good file may crash the reader or hand out a view beyond the file.
TEST(Safetensors, EveryFlippedByteAndEveryCutIsSurvived) {
  ScratchFolder folder;
  std::string good = read_file(kGolden / "golden.safetensors");
  int refused = 0;
  auto probe = [&](const std::string& bytes) {
    std::ofstream(folder / "m", std::ios::binary) << bytes;
    try {
      SafetensorsFile file(folder / "m");
      volatile unsigned sum = 0;
      for (const auto& name : file.names())
        for (size_t i = 0; i < file.at(name).bytes; ++i) sum = sum + static_cast<const unsigned char*>(file.at(name).data)[i];
    } catch (const Error&) {
      ++refused;
    }
  };
  for (size_t at = 0; at < good.size() - 125; at += 3) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (at % 2 ? 0x80 : 0x01));
    probe(bytes);
  }
  for (size_t size = 0; size < good.size(); size += 37) probe(good.substr(0, size));
  EXPECT_GE(refused, 200);
}

}  // namespace
}  // namespace tessera
