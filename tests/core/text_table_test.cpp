// Tables no wider than the terminal: whole where they fit, then wrapped, then in blocks.
#include "core/text_table.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

namespace tessera {
namespace {

TEST(TextTable, StandsAsItIsWhereItFits) {
  TextTable table({{"cell"}, {"n", true}});
  table.add({"causal", "3"});
  table.heading("pruned");
  table.add({"masked", "12"});
  EXPECT_EQ(table.text(2, 14),
            "  cell     n\n"
            "  causal   3\n"
            "  pruned\n"
            "  masked  12\n");
  TextTable untitled({{""}, {""}});
  untitled.add({"jobs", "how many"});
  EXPECT_EQ(untitled.text(0, 100), "jobs  how many\n");
}

TEST(TextTable, WrapsTitlesAndWordsWithinColumns) {
  TextTable table({{"experiment"}, {"samples.free frechet", true}, {"question"}});
  table.add({"quickstart", "9.5", "Does iterative masking beat scan-line sampling?"});
  table.add({"other", "10.5", "No?"});
  EXPECT_EQ(table.text(0, 50),
            "            samples.free\n"
            "experiment       frechet  question\n"
            "quickstart           9.5  Does iterative masking\n"
            "                          beat scan-line sampling?\n"
            "other               10.5  No?\n");
  EXPECT_EQ(table.text(0, 0).substr(0, 46), "experiment  samples.free frechet  question\nqui") << "0: as wide as it is";
}

TEST(TextTable, StandsInBlocksWhereColumnsDoNotFit) {
  TextTable table({{"trial"}, {"state"}, {"frechet_random_features", true}, {"precision", true}});
  table.add({"quick/causal/0", "done", "9.5", "0.5"});
  table.add({"quick/masked/0", "killed", "10.5", "0.25"});
  EXPECT_EQ(table.text(0, 40),
            "trial           state\n"
            "quick/causal/0  done\n"
            "quick/masked/0  killed\n"
            "\n"
            "trial           frechet_random_features\n"
            "quick/causal/0                      9.5\n"
            "quick/masked/0                     10.5\n"
            "\n"
            "trial           precision\n"
            "quick/causal/0        0.5\n"
            "quick/masked/0       0.25\n");
}

TEST(TextTable, CountsColumnsAsATerminalDoes) {
  EXPECT_EQ(display_width("plain"), 5u);
  EXPECT_EQ(display_width("ü ± Δ ↓ … █"), 11u);
  for (const char* one : {"\u00a0", "\u00ad", "±", "¿", "À", "ÿ"})
    EXPECT_EQ(display_width(one), display_width(std::string(one) + "日") - 2) << one << ": Latin-1 alone has a way of its own";
  EXPECT_EQ(display_width("±À"), 2u);
  EXPECT_EQ(display_width("±\u0085"), 1u) << "a control";
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(display_width("😀"), 2u);
  EXPECT_EQ(display_width("u\u0308"), 1u) << "a mark on the letter before it";
  EXPECT_EQ(display_width("\xff"
                          "a"),
            2u)
      << "no UTF-8";
  TextTable table({{"cell"}, {"n", true}});
  table.add({"ü 日本 😀", "1"});
  table.add({"u 12345678", "2"});
  EXPECT_EQ(table.text(0, 100),
            "cell        n\n"
            "ü 日本 😀   1\n"
            "u 12345678  2\n");
}

TEST(TerminalWidth, FollowsTheEnvironment) {
  const char* before = std::getenv("COLUMNS");
  const std::string old = before ? before : "";
  for (const auto& [columns, width] :
       {std::pair{"60", 60u}, {"250", 250u}, {"", 100u}, {"x", 100u}, {"60x", 100u}, {"3", 100u}, {"-80", 100u}}) {
    ::setenv("COLUMNS", columns, 1);
    EXPECT_TRUE(terminal_width() == width || (width == 100u && ::isatty(1))) << columns;
  }
  before ? ::setenv("COLUMNS", old.c_str(), 1) : ::unsetenv("COLUMNS");
}

}  // namespace
}  // namespace tessera
