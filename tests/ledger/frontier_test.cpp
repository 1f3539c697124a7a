// compare --frontier: who is on it, by which cost, and what cannot be said.
#include "comparison_fixture.hpp"

namespace tessera {
namespace {

class Frontiers : public Comparisons {
 protected:
  // Cost and quality of a cell at seeds 0, 1, 2.
  void cell(const std::string& name, double evaluations, const std::vector<double>& frechet, const Json& env = {{"threads", 2}}) {
    for (int seed = 0; seed < 3; ++seed) {
      const std::string key = fmt::format("{}-{}", name, seed);
      trial(name, seed, {{"samples.free", "s-" + key}, {"evaluation.samples.free", "e-" + key}});
      make({"samples", "s-" + key, {{"evaluations", evaluations}, {"time_s", 0.5 * evaluations}}, env});
      make({"evaluation", "e-" + key, {{"frechet", value(frechet[static_cast<size_t>(seed)])}, {"images", images}}});
    }
  }
  static Json value(double number) { return std::isinf(number) ? Json("inf") : Json(number); }
  double images = 8;  // that the next cell is scored on
};

TEST_F(Frontiers, SaysWhoIsDominatedByWhomAndWhereItMayBeChance) {
  declare({"causal", "masked", "halton", "poor", "equal"});
  cell("causal", 64, {1.0, 2.0, 3.0});
  cell("masked", 12, {2.0, 3.0, 4.0});
  cell("halton", 12, {4.0, 2.5, 4.5});  // as dear as masked and worse, by a difference that may be chance
  cell("poor", 99, {3.0, 4.1, 5.2});    // dearer than both, worse than both
  cell("equal", 99, {1.0, 2.0, 3.0});   // as good as causal, dearer
  const auto text = tessera("compare quick --frontier").first;
  EXPECT_EQ(text.substr(0, text.find("\n\nsamples.free: frechet ↓ for time_s")), R"(quick: cost and quality

samples.free: frechet ↓ for evaluations per image
          evaluations    frechet  n
  masked           12  3.0 ± 1.0  3  on the frontier
  halton           12  3.7 ± 1.0  3  dominated by masked (?)
  causal           64  2.0 ± 1.0  3  on the frontier
  equal            99  2.0 ± 1.0  3  dominated by causal (?)
  poor             99  4.1 ± 1.1  3  dominated by masked, causal)");
  EXPECT_NE(text.find("frechet ↓ for time_s per image, by the clock of one environment"), std::string::npos);
  const auto found = json("compare quick --frontier").at("frontiers").at(0);
  EXPECT_EQ(found.at("points").at(1).at("cells"), Json({"halton"}));
  EXPECT_FALSE(found.at("points").at(1).at("on_frontier"));
  EXPECT_EQ(found.at("points").at(4).at("dominated_by").size(), 2u);
  EXPECT_EQ(json().at("frontiers"), Json::array()) << "where nobody asked";
}

TEST_F(Frontiers, SayWhatIsLeftOut) {
  declare({"causal", "masked"});
  cell("causal", 64, {3.0, 3.1, 3.2});
  cell("masked", 12, {2.0, 2.1, 2.2});
  trial("masked", 3, {{"prior", "p"}, {"samples.free", "s"}, {"evaluation.samples.free", "e"}});
  Made made{"prior", "p", {{"loss", 1.0}}};
  made.state = "pruned";
  make(made);
  const auto text = tessera("compare quick frechet --frontier").first;
  EXPECT_NE(text.find("  masked           12  2.10 ± 0.10  3 (1 pruned)  on the frontier\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  1 trial censored (1 of masked): "), std::string::npos) << text;
  EXPECT_NE(text.find("\nLeft out\n  masked/3: prior pruned (not evaluated: samples.free)\n"), std::string::npos) << text;
}

TEST_F(Frontiers, OfTwoInfiniteCellsTheCheaperOneDominates) {
  declare({"causal", "masked"});
  cell("causal", 64, {INFINITY, INFINITY, INFINITY});
  cell("masked", 12, {INFINITY, INFINITY, INFINITY});
  const auto points = json("compare quick --frontier").at("frontiers").at(0).at("points");
  EXPECT_EQ(points.at(0).at("cells"), Json({"masked"}));
  EXPECT_TRUE(points.at(0).at("on_frontier"));
  EXPECT_FALSE(points.at(1).at("on_frontier"));
}

// More samples make a smaller Fréchet distance of the same model: no verdict.
TEST_F(Frontiers, SetsOfUnequalSizeDecideNothing) {
  declare({"few", "many"});
  cell("few", 12, {3.0, 3.1, 3.2});
  images = 16;
  cell("many", 12, {1.0, 1.1, 1.2});
  const auto point = json("compare quick --frontier").at("frontiers").at(0).at("points").at(1);
  EXPECT_EQ(point.at("cells"), Json({"few"}));
  EXPECT_FALSE(point.at("dominated_by").at(0).at("decided"));
  const std::string note = "samples.free: cells are scored on sets of unequal size (images 8 to 16): ";
  EXPECT_NE(tessera("compare quick --frontier").first.find(note), std::string::npos);
  EXPECT_NE(block("What the differences rest on").find("  " + note), std::string::npos);
  EXPECT_EQ(json().at("notes").at(0).get<std::string>().rfind(note, 0), 0U);
  EXPECT_NE(block("samples.free\n").find("images"), std::string::npos) << "a column, not the heading";
  const auto row = json().at("parts").at(0).at("rows").at(1);
  EXPECT_EQ(row.at("unequal_sets"), true);
  EXPECT_FALSE(row.at("values").at("images").contains("difference")) << "a count";
  EXPECT_TRUE(json().at("more_seeds").is_null()) << "no seeds are asked for, for what does not compare";
  EXPECT_EQ(tessera("export quick --format markdown").first.find("**1.1"), std::string::npos) << "and none is the best";
}

// A cell whose mean is worse because it has the harder seeds, and which is better at each seed that both have: it may be chance.
TEST_F(Frontiers, AMeanOverOtherSeedsDecidesNothing) {
  declare({"causal", "deep"});
  for (int seed = 0; seed < 6; ++seed)
    for (const std::string cell : {"causal", "deep"}) {
      if (cell == "deep" && seed < 3) continue;
      const std::string key = fmt::format("{}-{}", cell, seed);
      trial(cell, seed, {{"samples.free", "s-" + key}, {"evaluation.samples.free", "e-" + key}});
      make({"samples", "s-" + key, {{"evaluations", cell == "deep" ? 64.0 : 12.0}}});
      make({"evaluation", "e-" + key, {{"frechet", (seed < 3 ? 1.0 : 10.0) + 0.1 * seed - (cell == "deep" ? 1 : 0)}}});
    }
  const auto point = json("compare quick --frontier").at("frontiers").at(0).at("points").at(1);
  EXPECT_EQ(point.at("cells"), Json({"deep"}));
  EXPECT_FALSE(point.at("on_frontier"));
  EXPECT_LT(point.at("dominated_by").at(0).at("interval95").at(1).get<double>(), 0);
  EXPECT_FALSE(point.at("dominated_by").at(0).at("decided"));
}

TEST_F(Frontiers, SecondsOfTwoEnvironmentsDoNotCompare) {
  declare({"causal", "masked"});
  cell("causal", 64, {1.0, 2.0, 3.0});
  cell("masked", 12, {2.0, 3.0, 4.0}, {{"threads", 1}});
  const auto text = tessera("compare quick --frontier").first;
  EXPECT_NE(text.find(R"(
samples.free: no frontier by time_s: the samples were made in 2 environments, and seconds compare
within one alone: compare lists how they differ.
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("frechet ↓ for evaluations per image"), std::string::npos);
  EXPECT_EQ(tessera("compare quick frechet --strict").second, 1);
}

TEST_F(Frontiers, WithoutSamplesThereIsNone) {
  declare({"causal"});
  trial("causal", 0, {{"evaluation.prior", "e"}});
  make({"evaluation", "e", {{"bits", 4.0}}});
  EXPECT_EQ(tessera("compare quick --frontier").first, R"(quick: cost and quality

No part has both a cost and a quality that was asked for: samples have, once they are evaluated, of
metrics of samples.
)");
}

}  // namespace
}  // namespace tessera
