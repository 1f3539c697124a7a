#include "core/config.hpp"

#include <cmath>

#include "scratch_folder.hpp"

namespace tessera {
namespace {

std::string repeated(const std::string& text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string refusal(const std::string& text) {
  return error_of([&] { parse_config(text, "a.toml"); });
}

TEST(Config, KeepsFileOrderAndPositions) {
  auto file = parse_config(
      "question = \"é?\"\n"
      "[prior]\n"
      "width = 128\n"
      "train.steps = 1_000\n"
      "\n"
      "[arm.causal]\n"
      "[arm.masked]\n"
      "  sampling.temperatures = [1, 0.5]\n"
      "[[exclude]]\n"
      "arm = \"masked\"\n"
      "prior.layers = 6\n"
      "[a]\n"
      "inline = {y = true, x = []}\n",
      "a.toml");
  std::string text;
  for (const auto& entry : file.entries)
    text += entry.key + "=" + canonical(entry.value) + " " + entry.origin + " " + entry.key_origin + "\n";
  EXPECT_EQ(text,
            "question=\"é?\" a.toml:1:12 a.toml:1:1\n"
            "prior.width=128 a.toml:3:9 a.toml:3:1\n"
            "prior.train.steps=1000 a.toml:4:15 a.toml:4:7\n"
            "arm.causal={} a.toml:6:6 a.toml:6:6\n"
            "arm.masked.sampling.temperatures=[1,0.5] a.toml:8:27 a.toml:8:12\n"
            "exclude.0.arm=\"masked\" a.toml:10:7 a.toml:10:1\n"
            "exclude.0.prior.layers=6 a.toml:11:16 a.toml:11:7\n"
            "a.inline.y=true a.toml:13:15 a.toml:13:11\n"
            "a.inline.x=[] a.toml:13:25 a.toml:13:21\n");
}

TEST(Config, SpecialNumbersAndStrings) {
  auto file = parse_config("a = inf\nb = 0x1F\nc = '''\n x.y.z # no comment [[[\n'''\nd = 1e3\n", "a.toml");
  EXPECT_TRUE(std::isinf(file.entries[0].value.get<double>()));
  EXPECT_EQ(file.entries[1].value, 31);
  EXPECT_EQ(file.entries[2].value, " x.y.z # no comment [[[\n");
  EXPECT_TRUE(file.entries[3].value.is_number_float());
}

TEST(Config, SyntaxErrorsHaveTheirPlace) {
  EXPECT_EQ(refusal("a = 1\nb = \n"), "a.toml:2:5: Error while parsing key-value pair: expected value, saw '\\n'");
  EXPECT_EQ(refusal("a = 1\na = 2\n"), "a.toml:2:5: Error while parsing key-value pair: cannot redefine existing integer 'a'");
  EXPECT_EQ(refusal("x = \"a\n"),
            "a.toml:1:7: Error while parsing string: unescaped control characters other than TAB (U+0009) are explicitly prohibited");
  EXPECT_EQ(refusal("d = 2020-01-01\n"), "a.toml:1:5: found a date or time, expected a string, number, boolean or list of these");
  EXPECT_EQ(refusal("d = [1, {a = 1}]\n"),
            "a.toml:1:9: found a table among other values, expected a string, number, boolean or list of these");
  EXPECT_EQ(refusal("\"a.b\" = 1\n"), "a.toml:1:1: found the key \"a.b\", expected one without dots");
  try {
    parse_config("a = ", "a.toml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_config);
  }
  ScratchFolder folder;
  EXPECT_EQ(error_of([&] { read_config(folder / "none.toml"); }),
            "cannot read " + (folder / "none.toml").string() + ": No such file or directory");
}

TEST(Config, SizeAndDepthAreBoundedBeforeParsing) {
  EXPECT_EQ(refusal(std::string((1 << 20) + 1, '\n')), "a.toml: found 1048577 bytes, expected at most 1048576");
  EXPECT_EQ(refusal("x" + repeated(".x", 29000) + " = 1\n"), "a.toml:1:64: a key of more than 32 parts");
  EXPECT_EQ(refusal("ok = 1\n[x" + repeated(" . x", 29000) + "]\n"), "a.toml:2:128: a key of more than 32 parts");
  EXPECT_EQ(refusal("[x" + repeated(".\"ä\"", 29000) + "]\n"), "a.toml:1:127: a key of more than 32 parts");
  EXPECT_EQ(refusal("a = " + repeated("[", 29000)), "a.toml:1:37: nested more than 32 brackets deep");
  EXPECT_EQ(refusal("a = " + repeated("{a=", 29000)), "a.toml:1:101: nested more than 32 brackets deep");
  EXPECT_EQ(parse_config("x" + repeated(".x", 31) + " = 1\n", "a.toml").entries.size(), 1u);
  // Dots in numbers, strings and comments are no key segments; many tables are no depth.
  EXPECT_EQ(parse_config("a = [" + repeated("0.5,\n", 29000) + "]\n", "a.toml").entries[0].value.size(), 29000u);
  EXPECT_EQ(parse_config("a = \"" + repeated("x.", 29000) + "\" # " + repeated("x.", 29000) + "\n", "a.toml").entries.size(), 1u);
  std::string many;
  for (int i = 0; i < 29000; ++i) many += "[t" + std::to_string(i) + ".x]\n";
  EXPECT_EQ(parse_config(many, "a.toml").entries.size(), 29000u);
}

TEST(Config, ValuesOfTheCommandLine) {
  EXPECT_EQ(parse_config_value("3", "cli"), 3);
  EXPECT_EQ(parse_config_value("[1, 2]", "cli"), Json::parse("[1,2]"));
  EXPECT_EQ(parse_config_value("true", "cli"), true);
  EXPECT_EQ(parse_config_value("gpt", "cli"), "gpt");
  EXPECT_EQ(parse_config_value("runs/a-b.png", "cli"), "runs/a-b.png");
  EXPECT_EQ(parse_config_value("/tmp/a.tar.gz", "cli"), "/tmp/a.tar.gz");
  EXPECT_EQ(parse_config_value("\"two words\"", "cli"), "two words");
  EXPECT_EQ(error_of([] { parse_config_value("[1,", "cli"); }), "cli: found [1,, expected a TOML value");
  EXPECT_EQ(error_of([] { parse_config_value("1\nb = 2", "cli"); }), "cli: found 1\nb = 2, expected a TOML value");
  EXPECT_EQ(error_of([] { parse_config_value("", "cli"); }), "cli: found nothing, expected a TOML value");
  EXPECT_EQ(error_of([] { parse_config_value("99999999999999999999", "cli"); }),
            "cli: found 99999999999999999999, expected an integer of 64 bits");
  EXPECT_EQ(error_of([] { parse_config_value("12x", "cli"); }), "cli: found 12x, expected a TOML value");
}

}  // namespace
}  // namespace tessera
