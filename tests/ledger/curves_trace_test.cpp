// Curves and traces: numbers against hand-made ones, the SVG as XML, the picture by its colours.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.hpp"
#include "core/png.hpp"
#include "core/safetensors.hpp"
#include "experiment/pictures/curve_svg.hpp"
#include "experiment/pictures/trace.hpp"
#include "ledger_fixture.hpp"

namespace tessera {
namespace {

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

class Shown : public ::testing::Test {
 protected:
  Shown() : results_("shown") { write_experiment(results_); }
  SQLite::Database open() {
    record(results_.folder());
    return open_read_only(ledger_file(results_.folder()));
  }
  FakeResults results_;
};

TEST_F(Shown, CurvesAreMeansOverDistinctStages) {
  auto database = open();
  const auto curves = read_curves(database, "quick", "prior.loss");
  EXPECT_EQ(curves.part + " " + curves.metric, "prior loss");
  ASSERT_EQ(curves.curves.size(), 2u);
  const auto& causal = curves.curves[0];
  EXPECT_EQ(causal.label(), "causal");
  EXPECT_EQ(causal.stages, 2);
  // Stages 1 and 3: 1 + 0.1 s and 3 + 0.1 s; step 7 is NaN, 22 infinite: neither is a number.
  ASSERT_EQ(causal.points.size(), 21u);
  EXPECT_EQ(causal.points[0].step, 1);
  EXPECT_DOUBLE_EQ(causal.points[0].mean, 2.1);
  EXPECT_DOUBLE_EQ(causal.points[0].min, 1.1);
  EXPECT_DOUBLE_EQ(causal.points[0].max, 3.1);
  EXPECT_EQ(causal.points[6].step, 8);
  EXPECT_DOUBLE_EQ(causal.points.back().mean, 2 + 0.2 * 23);
  // One tokenizer for all: one stage, four trials, one curve.
  const auto shared = read_curves(database, "quick", "tokenizer.loss");
  ASSERT_EQ(shared.curves.size(), 1u);
  EXPECT_EQ(shared.curves[0].label(), "causal = masked");
  EXPECT_EQ(shared.curves[0].stages, 1);
  EXPECT_EQ(refusal([&] { read_curves(database, "quick", "loss"); }),
            "curves: found metric 'loss', which may be prior.loss or tokenizer.loss");
  EXPECT_EQ(refusal([&] { read_curves(database, "quick", "lss"); }),
            "curves: found metric 'lss', expected one of prior.loss, tokenizer.loss, tokenizer.rate; did you mean \"loss\"?");
}

TEST(Curves, SparklinesAndThinning) {
  std::vector<CurvePoint> points;
  for (int64_t step = 1; step <= 800; ++step) points.push_back({step, static_cast<double>(step), step - 1.0, step + 1.0, 2});
  EXPECT_EQ(sparkline(points, 8, 1, 800), "▁▂▃▄▅▆▇█");
  std::vector<CurvePoint> flat;
  for (const int64_t step : {0, 10, 20, 80, 90, 100}) flat.push_back({step, 5, 5, 5, 1});
  EXPECT_EQ(sparkline(flat, 11, 5, 5), "▁▁▁     ▁▁▁") << "no range, no number between";
  // The last of a training that does not end on a multiple of validate_every: eight steps in eight columns, none missing.
  std::vector<CurvePoint> uneven;
  for (const int64_t step : {60, 120, 180, 240, 300, 360, 420, 430}) uneven.push_back({step, 5, 5, 5, 1});
  EXPECT_EQ(sparkline(uneven, 8, 5, 5), "▁▁▁▁▁▁▁▁");
  EXPECT_EQ(sparkline({}, 4, 0, 1), "");
  const auto thin = thinned(points, 100);
  ASSERT_EQ(thin.size(), 100u);
  EXPECT_DOUBLE_EQ(thin[0].mean, 4.5);
  EXPECT_DOUBLE_EQ(thin[99].max, 797.5);
  EXPECT_EQ(thinned(points, 800).size(), 800u);
}

TEST(Curves, LinesBreakWhereTheMeanIsOfOtherStages) {
  Curves curves;
  // One of two is pruned at step 20: the mean of the other one is no continuation.
  curves.curves = {{{"a"}, 2, {{10, 5, 4, 6, 2}, {20, 4, 3, 5, 2}, {30, 2, 2, 2, 1}, {40, 1, 1, 1, 1}}}};
  EXPECT_EQ(stages_text(curves.curves[0]), "2→1");
  const auto runs = pieces(curves.curves[0].points);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[1].front().step, 30);
  // Thinned to one point, no point is a mean across the break.
  EXPECT_EQ(thinned(curves.curves[0].points, 1).size(), 2u);
  EXPECT_DOUBLE_EQ(thinned(curves.curves[0].points, 1)[1].mean, 1.5);
  const auto svg = curve_svg(curves);
  const auto times = [&](const std::string& text) {
    size_t count = 0;
    for (size_t at = 0; (at = svg.find(text, at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(times("<path class=\"line l0 fewer\""), 1u);
  EXPECT_EQ(times("<path class=\"line l0\""), 2u) << "the line, and the legend";
  EXPECT_EQ(times("<path class=\"band b0\""), 1u) << "of two stages alone";
  EXPECT_EQ(times("(mean of 2→1, band: least to greatest)"), 1u);
  // A number that is missing in between is no end.
  curves.curves[0].points[1].stages = 1, curves.curves[0].points[3].stages = 2;
  EXPECT_EQ(stages_text(curves.curves[0]), "2 (1 to 2)");
  EXPECT_EQ(stages_text({{"a"}, 3, {{1, 0, 0, 0, 1}, {2, 0, 0, 0, 2}}}), "3 (1 to 2)");
  EXPECT_EQ(stages_text({{"a"}, 3, {{1, 0, 0, 0, 2}, {2, 0, 0, 0, 1}}}), "3→2→1");
}

// Labels of the values' axis: texts that end at the frame's left edge.
std::vector<double> value_labels(const std::string& svg) {
  std::vector<double> values;
  for (size_t at = 0; (at = svg.find("text-anchor=\"end\">", at)) != std::string::npos; ++at) values.push_back(std::atof(&svg[at + 18]));
  return values;
}

TEST(Curves, ALogarithmicAxisHasThreeLabelsAtLeast) {
  const auto labels = [](double low, double high) {
    Curves curves;
    curves.curves = {{{"a"}, 1, {{0, low, low, low, 1}, {1, high, high, high, 1}}}};
    return value_labels(curve_svg(curves, {true}));
  };
  EXPECT_EQ(labels(0.6, 0.9), (std::vector<double>{0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9})) << "no power of ten, nor 2 or 5 times one";
  EXPECT_EQ(labels(3, 70), (std::vector<double>{5, 10, 20, 50}));
  EXPECT_EQ(labels(0.5, 400), (std::vector<double>{1, 10, 100}));
  for (const auto& [low, high] :
       {std::pair{1.05, 1.9}, {2.1, 4.9}, {5.1, 9.9}, {1.2, 3.0}, {0.011, 0.9}, {7.0, 7.0001}, {3.0, 3.0}, {1.5, 120.0}})
    EXPECT_GE(labels(low, high).size(), 3u) << low << " " << high;
}

TEST_F(Shown, SvgIsXmlWithALineACellAndABand) {
  auto database = open();
  auto curves = read_curves(database, "quick", "prior.loss");
  curves.curves[1].cells = {"<script>alert(1)</script> & \"more\""};
  const auto file = results_.folder() / "curves.svg";
  std::ofstream(file) << curve_svg(curves);
  const auto [said, status] = shell(
      "python3 -c 'import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); n = \"{http://www.w3.org/2000/svg}\";"
      "print(sum(\"line\" in p.get(\"class\", \"\").split() and \"L\" in p.get(\"d\") for p in r.iter(n + \"path\")),"
      "sum(\"band\" in p.get(\"class\", \"\").split() for p in r.iter(n + \"path\")),"
      "len(list(r.iter(n + \"script\"))), any(\"<script>alert\" in (x.text or \"\") for x in r.iter(n + \"text\")))' " +
      file.string() + " 2>&1");
  EXPECT_EQ(said, "2 2 0 True\n");
  EXPECT_EQ(status, 0);
  for (auto& curve : curves.curves)
    for (auto& point : curve.points) point.mean = point.min = point.max = -1;
  EXPECT_NE(curve_svg(curves).find("</svg>"), std::string::npos) << "a flat line has room";
  EXPECT_EQ(refusal([&] { curve_svg(curves, {true}); }), "curves: prior loss of quick has no positive number to draw");
}

TEST_F(Shown, TraceTellsWhenEachTokenWasCommitted) {
  auto front = results_.front("later", 2000);
  FakeResults::declare(front, "traced", {"causal"});
  FakeResults::trial(front, "traced", "causal", 0, {{"tokens", "tk"}, {"samples.half", "s2"}, {"samples.free", "s1"}});
  auto tokens = results_.run("tokens", "tk", 1, 0);
  results_.publish(tokens, "tokens", "tk", 1);
  const auto out = results_.folder() / "stages/tokens-tk/runs/1/out";
  const int64_t zero = 0;
  save_safetensors(
      out / "tokens.safetensors", {{"ids", {"I64", {1}, &zero, sizeof zero}}},
      {{"layout", R"([{"height":1,"width":1,"spatial":true,"vocabulary":4},{"height":2,"width":2,"spatial":true,"vocabulary":8}])"}});
  std::ofstream(results_.folder() / "stages/tokens-tk/stage.json")
      << Json{{"format", 1},
              {"kind", "tokens"},
              {"key", "tk"},
              {"run", 1},
              {"outputs", {{"tokens.safetensors", {{"sha256", "x"}, {"bytes", std::filesystem::file_size(out / "tokens.safetensors")}}}}}};
  tokens.end();
  for (const char* key : {"s1", "s2"}) {
    auto run = results_.run("samples", key, 1, 0);
    const bool half = std::string(key) == "s2";
    run.write({{"t", "sample"}, {"i", 0}, {"ids", {0, 1, 2, 3, 4}}, {"commit", {half ? -1 : 0, 1, 2, 2, 1}}});
    run.write({{"t", "sample"}, {"i", 1}, {"ids", {0, 1, 2, 3, 4}}, {"commit", {half ? -1 : 0, 2, 2, 1, 1}}});
    run.end();
  }
  front.end();
  auto database = open();
  const auto trace = read_trace(database, results_.folder(), "traced/causal/0", std::nullopt);
  EXPECT_EQ(trace.request, "free") << "before half";
  EXPECT_EQ(trace.note, "");
  ASSERT_EQ(trace.planes.size(), 2u);
  EXPECT_EQ(trace.planes[1].begin, 1);
  EXPECT_EQ(trace.steps(), 3);
  EXPECT_EQ(trace.tokens_per_step(), (std::vector<double>{1, 2, 2}));
  EXPECT_EQ(trace.mean_step_N(), (std::vector<double>{0, 1.5, 2, 1.5, 1}));
  const auto half = read_trace(database, results_.folder(), "traced/causal/0", "half");
  EXPECT_TRUE(std::isnan(half.mean_step_N()[0])) << "known in all samples";
  EXPECT_EQ(half.tokens_per_step(), (std::vector<double>{0, 2, 2}));
  EXPECT_EQ(refusal([&] { read_trace(database, results_.folder(), "traced/causal/0", "fre"); }),
            "trace: found request 'fre', expected one of those of traced/causal/0: free, half; did you mean \"free\"?");
  EXPECT_EQ(read_trace(database, results_.folder(), "quick/causal/0", std::nullopt).note,
            "the trial's tokens are not there to tell the layout: positions are shown in one row");

  // Step 0 of plane 0 is drawn in the first colour: 192 pixels square for the mean, 72 for each of two samples; in the other trace it
  // is grey, and the colours are those of the bar below alone.
  const auto count = [](const Image8& image, uint8_t r, uint8_t g, uint8_t b) {
    int64_t n = 0;
    for (size_t i = 0; i < image.pixels.size(); i += 3) n += image.pixels[i] == r && image.pixels[i + 1] == g && image.pixels[i + 2] == b;
    return n;
  };
  const auto picture = draw_trace(trace), known = draw_trace(half);
  EXPECT_EQ(count(picture, 68, 1, 84) - count(known, 68, 1, 84), 192 * 192 + 2 * 72 * 72);
  EXPECT_EQ(count(known, 200, 200, 200), 192 * 192 + 2 * 72 * 72 + 14 * 14) << "and its legend";
}

}  // namespace
}  // namespace tessera
