// Canonical JSON is what stage keys are made of: these texts and hashes may never change.
#include "core/json.hpp"

#include <cmath>
#include <limits>

#include "core/hash.hpp"
#include "core/text.hpp"
#include "scratch_folder.hpp"

namespace tessera {
namespace {

TEST(Canonical, SortsKeysAndWritesNoSpaces) {
  Json value = Json::parse(R"({"b": [1, 2.0, true, null], "a": {"z": "x", "Z": -7}, "é": "\u00e9\n\"\\\u0001/"})");
  EXPECT_EQ(canonical(value), R"({"a":{"Z":-7,"z":"x"},"b":[1,2.0,true,null],"é":"é\n\"\\\u0001/"})");
  EXPECT_EQ(sha256(canonical(value)), sha256(R"({"a":{"Z":-7,"z":"x"},"b":[1,2.0,true,null],"é":"é\n\"\\\u0001/"})"));
}

TEST(Canonical, DoublesAreShortestAndNeverLookLikeIntegers) {
  for (auto [number, text] : {std::pair{0.1, "0.1"},
                              {1.0, "1.0"},
                              {-0.0, "-0.0"},
                              {1e22, "1e+22"},
                              {1e-7, "1e-07"},
                              {0.30000000000000004, "0.30000000000000004"},
                              {5e-324, "5e-324"},
                              {1.7976931348623157e308, "1.7976931348623157e+308"},
                              {9007199254740993.0, "9007199254740992.0"}})
    EXPECT_EQ(canonical(Json(number)), text);
  EXPECT_EQ(canonical(Json(1)), "1");
  EXPECT_EQ(canonical(Json(std::numeric_limits<uint64_t>::max())), "18446744073709551615");
}

TEST(Canonical, EveryTextReadsBackAsTheSameNumber) {
  uint64_t bits = 0x9E3779B97F4A7C15u;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    ASSERT_EQ(Json::parse(canonical(Json(number))).get<double>(), number);
  }
}

TEST(Canonical, RefusesWhatHasNoOneSpelling) {
  EXPECT_THROW(canonical(Json{{"a", std::nan("")}}), std::invalid_argument);
  EXPECT_THROW(canonical(Json(-INFINITY)), std::invalid_argument);
  EXPECT_THROW(canonical(Json("a\xFF")), std::invalid_argument);
}

TEST(Line, EncodesNonFiniteNumbersAndInvalidUtf8) {
  EXPECT_EQ(to_line(Json{{"v", {std::nan(""), INFINITY, -INFINITY}}}), R"({"v":["nan","inf","-inf"]})");
  EXPECT_EQ(to_line(Json("a\xFF\xC3(é")), "\"a\uFFFD\uFFFD(é\"");
  EXPECT_EQ(to_line(Json("\xED\xA0\x80")), "\"\uFFFD\uFFFD\uFFFD\"") << "a surrogate is no character";
}

TEST(Numbers, RoundTrip) {
  for (double number : std::initializer_list<double>{0.0, -1.5, INFINITY, -INFINITY})
    EXPECT_EQ(decode_number(encode_number(number)), number);
  EXPECT_TRUE(std::isnan(decode_number(encode_number(std::nan("")))));
  EXPECT_EQ(error_of([] { decode_number("none"); }), "found \"none\", expected a number, \"nan\", \"inf\" or \"-inf\"");
}

TEST(Parse, NamesTheByte) {
  EXPECT_EQ(error_of([] { parse_json("{\"a\":1,}", "x.json"); }),
            "x.json: byte 8: syntax error while parsing object key - unexpected '}'; expected string literal");
  EXPECT_EQ(error_of([] { parse_json(std::string(100000, '['), "x.json"); }), "x.json: nested deeper than 64");
  EXPECT_FALSE(try_parse_json("[1"));
  EXPECT_EQ(try_parse_json("[1]"), Json::parse("[1]"));
}

TEST(Text, OfALongListTheFirstTwelve) {
  std::vector<std::string> list;
  for (int i = 1; i <= 12; ++i) list.push_back(std::to_string(i));
  EXPECT_EQ(some_of({}), "");
  EXPECT_EQ(some_of(list), "1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12");
  list.emplace_back("13");
  EXPECT_EQ(some_of(list), "1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12; and 1 more");
}

TEST(Text, ShortenedCutsBetweenCharacters) {
  EXPECT_EQ(shortened("äöü", 3), "äöü");
  EXPECT_EQ(shortened("äöü", 2), "äö…");
  EXPECT_EQ(valid_utf8("\x80ok"), "\uFFFDok");
}

}  // namespace
}  // namespace tessera
