// What a report holds: the SQL shown is the SQL that was asked, curves are those of the ledger, no name leaves its string.
#include "experiment/report/report.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "experiment/compare/comparison.hpp"
#include "experiment/report/curves.hpp"
#include "registry/ledger/query.hpp"
#include "tests/ledger/ledger_fixture.hpp"

namespace tessera {
namespace {

class ReportOfAnExperiment : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    results_ = new FakeResults("report");
    write_experiment(*results_);
    record(results_->folder());
  }
  static void TearDownTestSuite() { delete results_; }
  static SQLite::Database open() { return open_read_only(ledger_file(results_->folder())); }
  static Json data() {
    auto database = open();
    std::vector<std::string> notes;
    return report_data(database, results_->folder(), {"quick", false, {}}, notes);
  }
  static Json rows(const std::string& sql, const std::vector<std::string>& arguments) {
    auto database = open();
    Json list = Json::array();
    for (const auto& row : query(database, sql, arguments).rows) {
      Json cells = Json::array();
      for (const auto& value : row) cells.push_back(to_json(value));
      list.push_back(std::move(cells));
    }
    return list;
  }
  static FakeResults* results_;
};
FakeResults* ReportOfAnExperiment::results_ = nullptr;

TEST_F(ReportOfAnExperiment, TablesAreTheAnswersToTheSqlBesideThem) {
  const Json report = data();
  EXPECT_GE(report.at("tables").size(), 9u);
  for (const auto& [name, table] : report.at("tables").items()) {
    const auto sql = table.at("sql").get<std::string>();
    EXPECT_EQ(rows(sql, {"quick"}), table.at("rows")) << name;
    EXPECT_EQ(sql.find_first_of("\"$`\\\n"), std::string::npos) << name << " cannot be pasted into a shell: " << sql;
  }
  EXPECT_EQ(report.at("tables").at("cells").at("rows").size(), 2u) << "the retired cell is no part of the report";
  EXPECT_EQ(report.at("tables").at("trials").at("rows").size(), 4u);
  EXPECT_EQ(report.at("tables").at("notes").at("rows").size(), 1u);
}

TEST_F(ReportOfAnExperiment, SqlOfChartsRuns) {
  const Json report = data();
  const std::map<std::string, std::vector<std::string>> arguments = {{"comparison", {}},
                                                                     {"effects", {"frechet", "masked", "causal"}},
                                                                     {"samples", {"nearest", "masked", "causal"}},
                                                                     {"cost", {}},
                                                                     {"curves", {"prior", "loss"}},
                                                                     {"frontier", {"evaluations", "frechet"}},
                                                                     {"parallel", {"prior.width", "frechet"}},
                                                                     {"pictures", {}}};
  for (const auto& [name, sql] : report.at("sql").items()) {
    EXPECT_EQ(sql.get<std::string>().find_first_of("\"$`\\\n"), std::string::npos) << name;
    std::vector<std::string> words = {"quick"};
    words.insert(words.end(), arguments.at(name).begin(), arguments.at(name).end());
    const Json answer = rows(sql, words);
    EXPECT_EQ(answer.empty(), name == "frontier") << name << ": the double counts no cost";
  }
  EXPECT_EQ(rows(report.at("sql").at("effects"), {"quick", "frechet", "masked", "causal"}),
            Json({{0, "evaluation.samples.free", 9.5, 8.5, 1.0}, {1, "evaluation.samples.free", 11.5, 10.5, 1.0}}));
}

// The means in the table are those of the SQL below it.
TEST_F(ReportOfAnExperiment, ComparisonSqlGivesItsMeans) {
  const Json report = data();
  std::map<std::string, double> means;
  for (const auto& row : rows(report.at("sql").at("comparison"), {"quick"}))
    if (row.at(3).is_number()) means[row.at(0).get<std::string>() + " " + row.at(2).get<std::string>()] = row.at(3).get<double>();
  size_t compared = 0;
  for (const auto& part : report.at("comparison").at("parts"))
    for (const auto& row : part.at("rows"))
      for (const auto& [metric, value] : row.at("values").items()) {
        const auto mean = means.find(row.at("cells").at(0).get<std::string>() + " " + metric);
        if (mean == means.end() || part.at("name") != "samples.free") continue;
        EXPECT_DOUBLE_EQ(mean->second, decode_number(value.at("mean"))) << metric;
        ++compared;
      }
  EXPECT_GE(compared, 2u);
}

TEST_F(ReportOfAnExperiment, CurvesAreMeanAndRangeOverDistinctStages) {
  auto database = open();
  const Json curves = training_curves(database, "quick");
  const auto find = [&](const std::string& slot, const std::string& metric) {
    for (const auto& curve : curves)
      if (curve.at("slot") == slot && curve.at("metric") == metric) return curve;
    return Json();
  };
  const Json tokenizer = find("tokenizer", "loss");
  ASSERT_EQ(tokenizer.at("series").size(), 1u) << "both arms have one tokenizer";
  EXPECT_EQ(tokenizer.at("series").at(0).at("cells"), Json({"causal", "masked"}));
  EXPECT_EQ(tokenizer.at("series").at(0).at("stages"), 1);
  EXPECT_FALSE(tokenizer.at("series").at(0).contains("min")) << "one stage has no range";
  EXPECT_EQ(tokenizer.at("series").at(0).at("mean").at(3), 0.25);
  // causal: stages 1 and 3 of the double; steps to 20 are 0.1 s above the stage's number, later ones 0.2 s; step 7 is NaN, 22 infinite.
  const Json causal = find("prior", "loss").at("series").at(0);
  EXPECT_EQ(causal.at("cells"), Json({"causal"}));
  EXPECT_EQ(causal.at("stages"), 2);
  ASSERT_EQ(causal.at("x").size(), 23u);
  EXPECT_EQ(causal.at("x").at(4), 5);
  EXPECT_EQ(causal.at("mean").at(4), 2.5);
  EXPECT_EQ(causal.at("min").at(4), 1.5);
  EXPECT_EQ(causal.at("max").at(4), 3.5);
  EXPECT_EQ(causal.at("mean").at(20), 6.2) << "a resumed run's";
  EXPECT_TRUE(causal.at("mean").at(6).is_null());
  EXPECT_EQ(causal.at("n").at(6), 0);
  EXPECT_TRUE(causal.at("mean").at(21).is_null()) << "infinite";
}

TEST_F(ReportOfAnExperiment, LongCurvesAreDrawnAtEvenlySpreadSteps) {
  auto database = open();
  for (const auto& curve : training_curves(database, "quick", 1))
    for (const auto& series : curve.at("series")) {
      const auto x = series.at("x").get<std::vector<int64_t>>();
      const auto steps = series.at("steps").get<int64_t>();
      EXPECT_EQ(x.size(), static_cast<size_t>(std::min<int64_t>(steps, 24))) << "the least share";
      EXPECT_EQ(x.front(), 1);
      EXPECT_EQ(x.back(), steps);
      EXPECT_EQ(series.at("drawn"), x.size());
      int64_t widest = 0;
      for (size_t i = 1; i < x.size(); ++i) widest = std::max(widest, x[i] - x[i - 1]);
      EXPECT_LE(widest, (steps - 1) / 23 + 1);
    }
}

// One of three stages stopped early: the curve goes to the end of the others, and an infinity is in no mean.
TEST(ReportCurves, GoToTheEndOfTheLongestStage) {
  FakeResults results("report-curves");
  auto front = results.front("f", 1);
  FakeResults::declare(front, "quick", {"causal"});
  for (int seed = 0; seed < 3; ++seed) {
    const std::string key = fmt::format("p{}", seed);
    FakeResults::trial(front, "quick", "causal", seed, {{"prior", key}});
    auto run = results.run("prior", key, 1, 0);
    run.metric("loss");
    for (int s = 1; s <= (seed == 0 ? 30 : 100); ++s) run.step(s, {{"loss", seed == 1 && s == 100 ? Json("inf") : Json(seed + s)}});
    results.publish(run, "prior", key, 1);
    run.end();
  }
  front.end();
  record(results.folder());
  auto database = open_read_only(ledger_file(results.folder()));
  const Json series = training_curves(database, "quick", 1).at(0).at("series").at(0);
  EXPECT_EQ(series.at("x").back(), 100);
  EXPECT_EQ(series.at("n").front(), 3);
  EXPECT_EQ(series.at("n").back(), 1) << "the short one has none, one is infinite";
  EXPECT_EQ(series.at("mean").back(), 102);
  EXPECT_EQ(series.at("drawn"), 24);
}

// The means drawn beside options are those of the SQL below them, part by part.
TEST_F(ReportOfAnExperiment, ParallelSqlGivesTheMeansOfEachPart) {
  const Json report = data();
  const Json found = rows(report.at("sql").at("parallel"), {"quick", "prior.width", "loss"});  // cell, slot, key, option, mean
  std::map<std::string, double> means;
  for (const auto& row : found) means[row.at(0).get<std::string>() + " " + row.at(1).get<std::string>()] = row.at(4).get<double>();
  EXPECT_EQ(means.size(), found.size());
  for (const auto& part : report.at("comparison").at("parts"))
    for (const auto& row : part.at("rows")) {
      if (!row.at("values").contains("loss")) continue;
      for (const auto& cell : row.at("cells"))
        EXPECT_DOUBLE_EQ(means.at(cell.get<std::string>() + " " + part.at("name").get<std::string>()),
                         decode_number(row.at("values").at("loss").at("mean")));
    }
  EXPECT_EQ(means.size(), 4u) << "tokenizer and prior of two cells";
}

// From "open" to "close", without them.
std::string between(const std::string& text, const std::string& open, const std::string& close, size_t from = 0) {
  const size_t begin = text.find(open, from) + open.size();
  return text.substr(begin, text.find(close, begin) - begin);
}

TEST(ReportPage, NamesStayTextAndOnlyItsOwnScriptsMayRun) {
  const std::string hostile = "</script><script>alert(1)</script><!--{{script}}{{data}}\xff";
  const std::string library = "/* Chart.js v3 */";
  const std::string html = report_page(hostile, {{"name", hostile}}, library);
  EXPECT_EQ(between(html, "<title>", "</title>"),
            "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!--{{script}}{{data}}\xEF\xBF\xBD");
  const std::string data = between(html, "<script type=\"application/json\" id=\"data\">", "</script>");
  EXPECT_EQ(data.find('<'), std::string::npos);
  EXPECT_EQ(Json::parse(data).at("name"), "</script><script>alert(1)</script><!--{{script}}{{data}}\xEF\xBF\xBD");
  size_t scripts = 0;
  for (auto at = html.find("<script"); at != std::string::npos; at = html.find("<script", at + 1)) ++scripts;
  EXPECT_EQ(scripts, 3u);
  const std::string policy = between(html, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
  const auto allowed = [&](const std::string& text) {
    const std::string hex = sha256(text);
    std::string bytes;
    for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return policy.find("'sha256-" + base64_encode(bytes) + "'") != std::string::npos;
  };
  EXPECT_EQ(policy.rfind("default-src 'none'; img-src data:; style-src 'sha256-", 0), 0u) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_TRUE(allowed(library));
  EXPECT_TRUE(allowed(between(html, "<style>", "</style>")));
  const size_t behind = html.find(library) + library.size();
  EXPECT_TRUE(allowed(between(html, "<script>", "</script>", behind)));
  EXPECT_FALSE(allowed("alert(1)"));
}

TEST_F(ReportOfAnExperiment, SaysWhatIsMissing) {
  const auto report = [](const std::string& arguments) {
    auto [text, status] =
        shell(TESSERA_BINARY_DIR "/bin/tessera report " + arguments + " --results " + results_->folder().string() + " 2>&1");
    return std::make_pair(text, WEXITSTATUS(status));
  };
  const auto& folder = results_->folder();
  EXPECT_EQ(
      report("quick --chart-js " + (folder / "none.js").string()),
      std::make_pair("tessera: report: " + (folder / "none.js").string() +
                         ": found no such file, expected Chart.js: install the Debian package libjs-chart.js (the set-up does), or name a "
                         "chart.min.js of version 3 or 4 by --chart-js\n",
                     1));
  std::ofstream(folder / "other.js") << "alert(1)";
  EXPECT_EQ(report("quick --chart-js " + (folder / "other.js").string()),
            std::make_pair("tessera: report: " + (folder / "other.js").string() +
                               ": found a file that does not begin as Chart.js does, expected chart.min.js of version 3 or 4\n",
                           1));
  EXPECT_EQ(report("qick"),
            std::make_pair(std::string("tessera: experiment 'qick' is not in the ledger, which has quick; did you mean \"quick\"?\n"), 2));
  const auto file = (folder / "report.html").string();
  EXPECT_EQ(report("quick --no-pictures -o " + file), std::make_pair(file + ": 0.3 MB, one file; open it in a browser\n", 0));
  const auto nowhere = (folder / "nowhere").string();
  EXPECT_EQ(report("quick --no-pictures -o " + nowhere + "/report.html"),
            std::make_pair("tessera: --out: found '" + nowhere +
                               "/report.html', expected a file in a folder that exists: there is no folder " + nowhere + "\n",
                           2));
}

}  // namespace
}  // namespace tessera
