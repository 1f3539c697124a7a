// The filter language of `ls`, and which metric a short word means.
#include "experiment/trials/trial_filter.hpp"

#include <gtest/gtest.h>

#include <map>

#include "core/error.hpp"
#include "experiment/trials/metric_words.hpp"

namespace tessera {
namespace {

using Row = std::map<std::string, FilterValues>;

bool matches(const std::string& text, const Row& row) {
  const TrialFilter filter(text);
  return filter.matches([&](size_t i) {
    const auto found = row.find(filter.terms()[i].name);
    return filter.terms()[i].holds(found == row.end() ? FilterValues{} : found->second);
  });
}

std::string refusal(const std::string& text) {
  try {
    TrialFilter filter(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_config);
    return error.what();
  }
  return "";
}

const Row kRow = {{"prior", {std::string("maskgit")}},
                  {"frechet", {12.5}},
                  {"seed", {int64_t{3}}},
                  {"flag", {int64_t{1}}},
                  {"cell", {std::string("masked, layers=4")}},
                  {"tag", {std::string("best"), std::string("paper")}},
                  {"list", {std::string("[1,2]")}}};

TEST(TrialFilter, ComparesWhatATrialHas) {
  for (const char* holds : {"prior=maskgit",
                            "prior==maskgit",
                            "prior!=gpt",
                            "prior~mask",
                            "frechet<12.6",
                            "frechet<=12.5",
                            "frechet>1e1",
                            "frechet>=12.5",
                            "frechet=12.5",
                            "frechet!=12",
                            "seed=3",
                            "seed>-1",
                            "seed=3.0",
                            "flag=true",
                            "flag=1",
                            "flag!=false",
                            "cell='masked, layers=4'",
                            "cell~\"layers=4\"",
                            "tag=best",
                            "tag=paper",
                            "tag!=bad",
                            "list=[1,2]",
                            "frechet~2.5",
                            "prior='maskgit'"})
    EXPECT_TRUE(matches(holds, kRow)) << holds;
  for (const char* fails : {"prior=gpt", "prior!=maskgit", "prior=MaskGIT", "prior~gpt", "frechet<12.5", "frechet>12.5", "seed=4",
                            "flag=false", "tag=bad", "tag!=best", "seed='x'", "prior<3"})
    EXPECT_FALSE(matches(fails, kRow)) << fails;
}

TEST(TrialFilter, NothingHoldsOfWhatIsMissingButDifferent) {
  for (const char* op : {"=", "<", "<=", ">", ">="}) EXPECT_FALSE(matches(std::string("width") + op + "4", kRow)) << op;
  EXPECT_FALSE(matches("width~4", kRow));
  EXPECT_TRUE(matches("width!=4", kRow));
  EXPECT_TRUE(matches("not width<4", kRow));
}

// Every filter over three comparisons against what C++ makes of it.
TEST(TrialFilter, AndBindsTighterThanOrAndNotTightest) {
  for (int bits = 0; bits < 8; ++bits) {
    const bool a = bits & 1, b = bits & 2, c = bits & 4;
    const Row row = {{"a", {int64_t{a}}}, {"b", {int64_t{b}}}, {"c", {int64_t{c}}}};
    EXPECT_EQ(matches("a=1 or b=1 and c=1", row), a || (b && c)) << bits;
    EXPECT_EQ(matches("a=1 and b=1 or c=1", row), (a && b) || c) << bits;
    EXPECT_EQ(matches("(a=1 or b=1) and c=1", row), (a || b) && c) << bits;
    EXPECT_EQ(matches("not a=1 and b=1", row), !a && b) << bits;
    EXPECT_EQ(matches("not (a=1 and b=1) or not not c=1", row), !(a && b) || c) << bits;
    EXPECT_EQ(matches("((a=1))and(b=1)", row), a && b) << bits;
  }
}

TEST(TrialFilter, ErrorsPointAtThePlace) {
  EXPECT_EQ(refusal("prior=maskgit frechet<20"),
            "filter: found 'frechet', expected and, or, or the end\n  prior=maskgit frechet<20\n                ^");
  EXPECT_EQ(refusal("prior=maskgit and"),
            "filter: found the end, expected a name, such as prior, frechet or state\n  prior=maskgit and\n"
            "                   ^");
  EXPECT_EQ(refusal("prior maskgit"),
            "filter: found 'maskgit', expected one of = != < <= > >= ~ behind 'prior'\n  prior maskgit\n        ^");
  EXPECT_EQ(refusal("prior= and seed=1"), "filter: found 'and', expected a value behind 'prior='\n  prior= and seed=1\n         ^");
  EXPECT_EQ(refusal("frechet<low"), "filter: found 'low', expected a number behind 'frechet<'\n  frechet<low\n          ^");
  EXPECT_EQ(refusal("frechet<nan"), "filter: found 'nan', expected a number behind 'frechet<'\n  frechet<nan\n          ^");
  EXPECT_EQ(refusal("(a=1 or b=2"),
            "filter: found the end, expected and, or, or the ) of the parenthesis at character 1\n  (a=1 or b=2\n             ^");
  EXPECT_EQ(refusal("a=1)"), "filter: found ')', expected and, or, or the end\n  a=1)\n     ^");
  EXPECT_EQ(refusal("größe='x"), "filter: found no ' that ends the text from here on\n  größe='x\n        ^");
  EXPECT_EQ(refusal(""), "filter: found the end, expected a name, such as prior, frechet or state\n  \n  ^");
  EXPECT_NE(refusal(std::string(200, '(')).find("found more than 100 parentheses"), std::string::npos);
  EXPECT_NE(refusal("a=1 or " + std::string(100'000, '(')), "") << "no stack is used up";
}

TEST(TrialFilter, ManyComparisonsAreNoDepth) {
  std::string text = "a=1";
  for (int i = 0; i < 20'000; ++i) text += " or a=1";
  EXPECT_FALSE(matches(text, {}));
}

std::vector<std::string> meant(const std::string& word) {
  static const std::vector<MetricName> names = {{1, "evaluation.samples.free", "frechet_random_features", 0},
                                                {2, "evaluation.calibration", "real.frechet_random_features", 3},
                                                {3, "evaluation.tokenizer", "l1", 0},
                                                {4, "tokenizer", "l1", 2},
                                                {5, "tokenizer", "loss", 2},
                                                {6, "prior", "loss", 2},
                                                {7, "evaluation.prior", "bits_per_token", 0},
                                                {8, "evaluation.prior", "bits_per_token_scan_line", 0},
                                                {9, "samples.free", "evaluations", 0},
                                                {10, "samples.top_half", "evaluations", 0}};
  const auto lists = metrics_meant(word, names);
  std::vector<std::string> words;
  if (!lists.empty())
    for (const auto& one : lists[0]) words.push_back(one.slot + " " + one.name);
  return words;
}

TEST(MetricWords, ShortWordsMeanWhatFitsBest) {
  using Words = std::vector<std::string>;
  const Words frechet = {"evaluation.samples.free frechet_random_features"};
  for (const char* word : {"frechet", "free.frechet", "samples.free.frechet_random_features", "samples.free frechet", "random_features"})
    EXPECT_EQ(meant(word), frechet) << word;
  EXPECT_EQ(meant("calibration.real.frechet"), Words{"evaluation.calibration real.frechet_random_features"});
  EXPECT_EQ(meant("l1"), Words{"evaluation.tokenizer l1"}) << "the evaluation before the training curve";
  EXPECT_EQ(meant("loss"), (Words{"tokenizer loss", "prior loss"}));
  EXPECT_EQ(meant("prior.loss"), Words{"prior loss"});
  EXPECT_EQ(meant("bits_per_token"), Words{"evaluation.prior bits_per_token"}) << "in full before the beginning of another";
  EXPECT_EQ(meant("top_half.evaluations"), Words{"samples.top_half evaluations"});
  EXPECT_EQ(meant("rand"), Words{}) << "neither beginning nor end";
  EXPECT_EQ(meant(""), Words{});
}

}  // namespace
}  // namespace tessera
