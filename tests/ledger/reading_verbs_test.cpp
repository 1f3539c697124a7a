// The reading verbs as a user runs them: whole texts, exit codes, JSON, the picture.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>

#include "core/error.hpp"
#include "core/png.hpp"
#include "core/safetensors.hpp"
#include "core/text_table.hpp"
#include "experiment/compare/comparison.hpp"
#include "experiment/pictures/picture_grid.hpp"
#include "experiment/trials/metric_words.hpp"
#include "ledger_fixture.hpp"
#include "registry/ledger/query.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

class ReadingVerbs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    results_ = new FakeResults("verbs");
    write_experiment(*results_);
  }
  static void TearDownTestSuite() { delete results_; }
  // stdout and stderr together, and the exit code.
  static std::pair<std::string, int> tessera(const std::string& arguments) {
    auto [text, status] = shell(TESSERA_BINARY_DIR "/bin/tessera " + arguments + " --results " + results_->folder().string() + " 2>&1");
    return {text, WEXITSTATUS(status)};
  }
  static FakeResults* results_;
};
FakeResults* ReadingVerbs::results_ = nullptr;

TEST_F(ReadingVerbs, Compare) {
  auto text = tessera("compare experiments/quick.toml").first;
  text = std::regex_replace(text, std::regex(TESSERA_BINARY_DIR "/bin/tessera"), "PROGRAM");
  text = std::regex_replace(text, std::regex(results_->folder().string()), "FOLDER");
  EXPECT_EQ(text, R"(quick: Does it work?
4 of 4 trials done. Mean ± standard deviation over n distinct stages; ↑ more is better, ↓ less; *
baseline, Δ the difference from it, seed by seed.

tokenizer
                             n   loss ↓  rate ↓ s
  all arms (the same stage)  1  0.02500        54

prior
            n     loss ↓     Δ
  causal *  2  6.6 ± 1.4
  masked    2  7.6 ± 1.4  +1.0

samples.free
            n   frechet ↓     Δ
  causal *  2   9.5 ± 1.4
  masked    2  10.5 ± 1.4  +1.0

Differences from causal, paired by seed: over other trainings
  metric, arm  pairs      Δ  95 % interval      p  p Holm  80 % sees  more seeds
  prior loss ↓
    masked         2  +1.00  +1.00 … +1.00  0.500   0.500          0
  samples.free frechet ↓
    masked         2  +1.00  +1.00 … +1.00  0.500   0.500          0
  p: sign flips, exact up to 24 pairs; p Holm: for all arms on one metric; 80 % sees: the smallest
  difference that so many pairs show four times in five (t-test at 0.05, without Holm); more seeds:
  to see the difference found so, and enough for p Holm to reach 0.05.
  2 pairs cannot reach p = 0.05: the least is 0.5; 6 can:
    PROGRAM retry quick --seeds 6 --results FOLDER

Differences from causal, paired by sample (95 % intervals)
  metric, arm  samples  models        Δ   these models    other trainings  both
  samples.free nearest ↓
    masked           3       2  +0.0833  -0.28 … +0.44  +0.0833 … +0.0833
  these models: over other samples, for the models as they are trained; other trainings: over other
  seeds, on these samples; both: over other seeds and other samples.
  samples.free nearest ↓: 1 sample of masked left out, which some model has no number of.

What the differences rest on
  All seeds share one tokenizer: the intervals hold for this tokenizer, and say nothing of another.
  Same tokenizer as causal at every seed: masked.

What else differed
  Nothing uncontrolled is on record: plugin code, data, library, machine, threads, precision and
  steps agree but for what options ask.

Left out
  1 cell of older versions of the file with finished trials: tessera ls quick --retired

cost
          n  tokenizer ↓ cpu s  prior ↓ cpu s  samples.free ↓ cpu s
  causal  2        20.50 (n 1)          20.50                 20.50
  masked  2        20.50 (n 1)          20.50                 20.50
)");
  const auto json = Json::parse(tessera("compare quick nearest --json").first);
  const auto& row = json.at("parts").at(0).at("rows").at(1);
  EXPECT_EQ(row.at("cells"), Json({"masked"}));
  EXPECT_EQ(row.at("stages"), 2);
  EXPECT_NEAR(row.at("values").at("nearest").at("difference").get<double>(), 0.25 / 3, 1e-12);
}

// The one way to name a metric, that of ls and curves: a part of its name, the stage in front or not.
TEST_F(ReadingVerbs, MetricsHaveTheSameShortNamesEverywhere) {
  const auto frechet = tessera("compare quick frechet").first;
  for (const char* word : {"frech", "free.frechet", "samples.free.frechet", "evaluation.samples.free.frechet"})
    EXPECT_EQ(tessera(std::string("compare quick ") + word).first, frechet) << word;
  const auto parts = [&](const std::string& words) {
    std::string names;
    const auto json = Json::parse(tessera("compare quick " + words + " --json").first);
    for (const auto& part : json.at("parts")) names += part.at("name").get<std::string>() + " ";
    return names;
  };
  EXPECT_EQ(parts("loss"), "tokenizer prior ");
  EXPECT_EQ(parts("prior.loss"), "prior ");
  EXPECT_EQ(parts("prior.los free.near"), "prior samples.free ");
  EXPECT_EQ(tessera("compare quick free.frech --frontier").second, 0);
  EXPECT_EQ(tessera("export quick free.frech"), tessera("export quick frechet"));
  const auto rows = Json::parse(tessera("export quick prior.loss --format json").first);
  EXPECT_EQ(rows.size(), 4u);
  for (const auto& row : rows) EXPECT_EQ(row.at("slot"), "prior");
  EXPECT_EQ(Json::parse(tessera("export quick loss --format json").first).size(), 8u) << "the tokenizer's, too";
  const auto curve = Json::parse(tessera("query @curve quick prior.loss --json").first);
  EXPECT_GT(curve.size(), 0u);
  for (const auto& row : curve) EXPECT_EQ(row.at("slot"), "prior");
  EXPECT_EQ(tessera("query @scores quick nope"),
            std::make_pair(std::string("tessera: query @scores: found metric 'nope', expected one of frechet, nearest, loss, rate\n"), 2));
}

TEST(MetricWords, OneNameInManyPartsOrAnErrorOfAFew) {
  std::vector<MetricName> names;
  for (const std::string request : {"free", "top_half"}) {
    for (const std::string name : {"frechet_random_features", "frechet_pixels", "precision"})
      names.push_back({0, "evaluation.samples." + request, name, 0});
    names.push_back({0, "samples." + request, "evaluations", 1});
  }
  for (int i = 0; i < 20; ++i) names.push_back({0, "prior", "loss_" + std::to_string(i), 2});
  const auto slots = [&](const std::string& word) {
    std::string text;
    for (const auto& one : metrics_named("compare", word, names)) text += one.word() + " ";
    return text;
  };
  EXPECT_EQ(slots("preci"), "samples.free.precision samples.top_half.precision ");
  EXPECT_EQ(slots("top_half.evaluations"), "samples.top_half.evaluations ");
  EXPECT_EQ(slots("random_features"), "samples.free.frechet_random_features samples.top_half.frechet_random_features ");
  const auto refusal = [&](const std::string& word) -> std::string {
    try {
      return slots(word);
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal("frechet"), "compare: found metric 'frechet', which may be frechet_pixels or frechet_random_features");
  EXPECT_EQ(refusal("precisoin"),
            "compare: found metric 'precisoin', expected one of frechet_pixels, frechet_random_features, precision, evaluations, loss_0, "
            "loss_1, loss_10, loss_11 or 16 more; did you mean \"precision\"?");
}

// Lines wider than the terminal; commands stay lines, for they are pasted, as does a word that takes more than half a line by itself.
std::string wide_lines(const std::string& text, size_t width) {
  std::istringstream lines(text);
  std::string wide;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = std::min(line.find_first_not_of(' '), line.size());
    std::istringstream words(line);
    bool free = line.compare(begin, 8, "tessera ") == 0 || line.find(": tessera ") != std::string::npos;
    for (std::string word; words >> word;) free = free || display_width(word) > width / 2;
    if (display_width(line) > width && !free) wide += line + "\n";
  }
  return wide;
}

TEST_F(ReadingVerbs, NothingIsWiderThanTheTerminal) {
  ::unsetenv("COLUMNS");
  for (const size_t width : {100u, 60u}) {
    if (width != 100) ::setenv("COLUMNS", std::to_string(width).c_str(), 1);
    for (const char* verb : {"compare quick", "compare quick --frontier", "ls", "ls quick --sort prior.loss", "show quick/causal/0",
                             "show prior-p-causal-0", "diff quick/causal/0 quick/masked/0", "curves quick prior.loss", "rm quick", "query",
                             "tag", "db check", "run --help", "plan --help", "ls --help", "report --help", "query --help"})
      EXPECT_EQ(wide_lines(tessera(verb).first, width), "") << verb << " at " << width;
    EXPECT_EQ(wide_lines(shell(TESSERA_BINARY_DIR "/bin/tessera --help").first, width), "") << width;
  }
  ::unsetenv("COLUMNS");
  EXPECT_NE(wide_lines("  a line of words", 12), "") << "and what is too wide is seen";
  EXPECT_GT(tessera("query 'SELECT * FROM v_score'").first.find('\n'), 100u) << "rows in a pipe are data";
}

TEST_F(ReadingVerbs, ErrorsNameWhatIsNear) {
  EXPECT_EQ(tessera("compare qick"),
            std::make_pair(std::string("tessera: experiment 'qick' is not in the ledger, which has quick; did you mean \"quick\"?\n"), 2));
  EXPECT_EQ(
      tessera("compare quick frehet"),
      std::make_pair(
          std::string("tessera: compare: found metric 'frehet', expected one of frechet, nearest, loss, rate; did you mean \"frechet\"?\n"),
          2));
  EXPECT_EQ(tessera("db rebiuld"),
            std::make_pair(std::string("tessera: db: found 'rebiuld', expected rebuild, check, digest or datasette\n"), 2));
  EXPECT_EQ(tessera("query 'DROP TABLE point'").second, 2);
  EXPECT_EQ(tessera("query @curve quick"),
            std::make_pair(std::string("tessera: query @curve: found 1 word, expected EXPERIMENT METRIC\n"), 2));
  EXPECT_EQ(tessera("query @scores qick").second, 2);
  EXPECT_EQ(tessera("show nothing").second, 2);
  EXPECT_EQ(tessera("ls elsewhere").second, 2);
}

TEST_F(ReadingVerbs, ListShowDatabase) {
  EXPECT_EQ(tessera("ls quick").first,
            "trial           state  stages  cpu time  tags  samples.free frechet\n"
            "quick/causal/0  done      4/4      82 s  keep                 8.500\n"
            "quick/causal/1  done      4/4      82 s                       10.50\n"
            "quick/masked/0  done      4/4      82 s                       9.500\n"
            "quick/masked/1  done      4/4      82 s                       11.50\n");
  EXPECT_EQ(Json::parse(tessera("ls --json").first).at(0).at("done"), 4);
  EXPECT_NE(tessera("ls quick --retired").first.find("quick/retired/0  done, retired"), std::string::npos);
  EXPECT_EQ(Json::parse(tessera("show prior-p-causal-0 --json").first).at("runs").size(), 2u);
  EXPECT_EQ(Json::parse(tessera("show quick/causal/0 --json").first).at("stages").size(), 4u);
  EXPECT_EQ(tessera("db check").second, 0);
  // An output whose size is right and whose bytes are not.
  const auto output = results_->folder() / "stages/prior-p-causal-0/runs/2/out/out.safetensors";
  const auto bytes = read_file(output);
  std::ofstream(output) << std::string(bytes.size(), '?');
  const auto [said, code] = tessera("db check");
  EXPECT_EQ(code, 4);
  EXPECT_NE(said.find("stages/prior-p-causal-0: out.safetensors: found SHA-256 "), std::string::npos) << said;
  std::ofstream(output) << bytes;
  const auto digest = tessera("db digest").first;
  EXPECT_EQ(digest.size(), 65u);
  EXPECT_EQ(tessera("db rebuild").second, 0);
  EXPECT_EQ(tessera("db digest").first, digest);
  EXPECT_EQ(tessera("query @scores quick frechet --csv").first.substr(0, 55), "experiment,cell,seed,slot,metric,value,unit,n,n_nan\nqui");
}

TEST_F(ReadingVerbs, DiffShowsWhatIsNotShared) {
  EXPECT_EQ(tessera("diff quick/causal/0 quick/causal/0").first, "quick/causal/0 and quick/causal/0 differ in nothing that is on record\n");
  EXPECT_EQ(
      tessera("diff quick/causal/0 quick/cuasal/1"),
      std::make_pair(std::string("tessera: diff: found no trial 'quick/cuasal/1', expected experiment/cell/seed as `tessera ls` lists "
                                 "them; did you mean \"quick/causal/1\"?\n"),
                     2));
  const auto json = Json::parse(tessera("diff quick/causal/0 quick/masked/0 --json").first);
  EXPECT_EQ(json.at("options"), Json::array()) << "the double has equal options";
  EXPECT_EQ(json.at("stages").size(), 3u) << "the tokenizer is shared";
}

// A file that was changed gives an old label other options: numbers of the old cell are not those of the new one.
TEST(Ls, NumbersBelongToTheCellNotToItsLabel) {
  FakeResults results("ls");
  for (const std::string version : {"old", "new"}) {
    auto front = results.front(version, version == "old" ? 1 : 2);
    front.write({{"t", "experiment"}, {"name", "quick"}, {"question", ""}, {"source", "q.toml"}, {"baseline", ""}});
    front.write({{"t", "cell"},
                 {"experiment", "quick"},
                 {"hash", version},
                 {"label", "causal"},
                 {"axes", Json::object()},
                 {"options", Json::array()}});
    front.write(
        {{"t", "trial"}, {"experiment", "quick"}, {"cell", version}, {"seed", 0}, {"stages", {{"evaluation.prior", "e-" + version}}}});
    front.end();
  }
  auto run = results.run("evaluation", "e-old", 1, 0);
  run.metric("bits");
  run.step(0, {{"bits", 4.5}});
  results.publish(run, "evaluation", "e-old", 1);
  run.end();
  const auto listed =
      Json::parse(shell(TESSERA_BINARY_DIR "/bin/tessera ls quick --retired --json --results " + results.folder().string()).first);
  ASSERT_EQ(listed.size(), 2u);
  for (const auto& trial : listed) EXPECT_EQ(trial.at("values").size(), trial.at("current") ? 0u : 1u) << trial.dump();
}

TEST(DamagedLedger, ExitsFourAndSaysWhatToDo) {
  FakeResults results("damaged-verb");
  write_experiment(results);
  std::ofstream(ledger_file(results.folder())) << std::string(40'000, 'x');
  const std::string tessera = TESSERA_BINARY_DIR "/bin/tessera ", at = " --results " + results.folder().string() + " 2>&1";
  const auto [text, status] = shell(tessera + "ls" + at);
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(text, "tessera: " + ledger_file(results.folder()).string() +
                      ": the database is damaged (file is not a database). The journals hold everything: run `tessera db rebuild`\n");
  EXPECT_EQ(shell(tessera + "db rebuild" + at).second, 0);
  EXPECT_EQ(shell(tessera + "db check" + at).second, 0);
}

// Arms that share some stages; calibration rows stand below in the columns of the samples.
class Calibration : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(TokenizersOfTheirOwn, Calibration, ::testing::Bool());

TEST_P(Calibration, RowsAndSharedStages) {
  FakeResults results("calibration");
  auto front = results.front("f", 1);
  FakeResults::declare(front, "quick", {"causal", "halton", "other"});
  for (const std::string cell : {"causal", "halton", "other"})
    FakeResults::trial(front, "quick", cell, 0,
                       {{"evaluation.prior", cell == "other" ? "p2" : "p1"},
                        {"evaluation.samples.free", "s-" + cell},
                        {"evaluation.calibration", cell == "other" && GetParam() ? "c2" : "c"}});
  const auto evaluation = [&](const std::string& key, const Json& values) {
    auto run = results.run("evaluation", key, 1, 0);
    for (auto item = values.begin(); item != values.end(); ++item) run.metric(item.key());
    run.step(0, values);
    results.publish(run, "evaluation", key, 1);
    run.end();
  };
  evaluation("p1", {{"bits", 4.5}});
  evaluation("p2", {{"bits", 5.25}});
  for (const std::string cell : {"causal", "halton", "other"}) evaluation("s-" + cell, {{"frechet", static_cast<double>(cell.size())}});
  for (const std::string key : {"c", "c2"}) evaluation(key, {{"real.frechet", 1.5}, {"shuffled.frechet", 36.0}, {"real.unrelated", 9.0}});
  record(results.folder());
  auto database = open_read_only(ledger_file(results.folder()));
  const auto comparison = compare(database, {"quick", {}});
  ASSERT_EQ(comparison.parts.size(), 2u);
  const auto& prior = comparison.parts[0];
  ASSERT_EQ(prior.rows.size(), 2u);
  EXPECT_EQ(prior.rows[0].cells, (std::vector<std::string>{"causal", "halton"}));
  EXPECT_FALSE(prior.rows[0].values[0]->difference);
  EXPECT_DOUBLE_EQ(*prior.rows[1].values[0]->difference, 0.75);
  const auto& samples = comparison.parts[1];
  ASSERT_EQ(samples.calibration.size(), 2u);
  EXPECT_EQ(samples.calibration[0].cells, std::vector<std::string>{"real"});
  EXPECT_DOUBLE_EQ(samples.calibration[1].values[0]->estimate.mean, 36.0);
  EXPECT_EQ(samples.calibration[0].pooled, GetParam());
}

// Seeds share a tokenizer: pairs are of distinct stages, pairs that share a stage count once, and a seed that one arm lacks is none.
TEST(Compare, DifferencesArePairedBySeed) {
  FakeResults results("paired");
  auto front = results.front("f", 1);
  FakeResults::declare(front, "quick", {"causal", "masked", "halton"});
  const auto evaluation = [&](const std::string& key, double value) {
    auto run = results.run("evaluation", key, 1, 0);
    run.metric("bits");
    run.step(0, {{"bits", value}});
    results.publish(run, "evaluation", key, 1);
    run.end();
  };
  // Seed 3 is done for the baseline alone; masked and causal share their stage at seed 4; halton has one stage at seeds 0 and 1.
  const std::map<std::string, std::map<int64_t, std::string>> keys = {{"causal", {{0, "c0"}, {1, "c1"}, {2, "c2"}, {3, "c3"}, {4, "same"}}},
                                                                      {"masked", {{0, "m0"}, {1, "m1"}, {2, "m2"}, {4, "same"}}},
                                                                      {"halton", {{0, "h"}, {1, "h"}, {2, "h2"}}}};
  const std::map<std::string, double> values = {{"c0", 1}, {"c1", 11}, {"c2", 21}, {"c3", 500}, {"same", 7},
                                                {"m0", 2}, {"m1", 14}, {"m2", 23}, {"h", 4},    {"h2", 5}};
  for (const auto& [cell, by_seed] : keys)
    for (const auto& [seed, key] : by_seed) FakeResults::trial(front, "quick", cell, seed, {{"evaluation.prior", key}});
  for (const auto& [key, value] : values) evaluation(key, value);
  record(results.folder());
  auto database = open_read_only(ledger_file(results.folder()));
  const auto part = compare(database, {"quick", {}}).parts.at(0);
  ASSERT_EQ(part.rows.size(), 3u);
  EXPECT_FALSE(part.rows[0].values[0]->paired) << "the baseline itself";
  const auto& masked = *part.rows[1].values[0];
  EXPECT_EQ(masked.paired->estimate.n, 3);
  EXPECT_DOUBLE_EQ(masked.paired->estimate.mean, 2) << "1, 3, 2; by the means it would be -96.7";
  EXPECT_DOUBLE_EQ(*masked.difference, 2);
  EXPECT_DOUBLE_EQ(*masked.paired->estimate.deviation, 1);
  EXPECT_DOUBLE_EQ(*masked.paired->p, 0.25);
  const auto& halton = part.rows[2].values[0]->paired->estimate;
  EXPECT_EQ(halton.n, 2) << "h against c0 and against c1 is one piece of evidence";
  EXPECT_DOUBLE_EQ(halton.mean, ((3.0 - 7.0) / 2 - 16) / 2);
  EXPECT_DOUBLE_EQ(*masked.p_holm, 0.5) << "two arms are compared";
}

// One seed of each cell, its prior scored.
void score_cells(FakeResults& results, FakeJournal& front, const std::vector<std::string>& cells, const std::vector<double>& bits) {
  for (size_t i = 0; i < cells.size(); ++i) {
    const auto key = "p" + std::to_string(i);
    FakeResults::trial(front, "quick", cells[i], 0, {{"evaluation.prior", key}});
    auto run = results.run("evaluation", key, 1, 0);
    run.metric("bits");
    run.step(0, {{"bits", bits[i]}});
    results.publish(run, "evaluation", key, 1);
    run.end();
  }
  record(results.folder());
}

// With further axes each cell has the baseline's cell at the same points, as far as the baseline's arm varies there.
TEST(Compare, TheBaselineStandsAtTheSamePointsOfOtherAxes) {
  FakeResults results("axes");
  auto front = results.front("f", 1);
  const std::vector<std::string> cells = {"causal, layers=2", "causal, layers=4", "masked, steps=8, layers=2", "masked, steps=8, layers=4"};
  FakeResults::declare(front, "quick", cells, "q.toml:3:1", "causal");
  score_cells(results, front, cells, {1, 10, 3, 30});
  auto database = open_read_only(ledger_file(results.folder()));
  const auto part = compare(database, {"quick", {}}).parts.at(0);
  ASSERT_EQ(part.rows.size(), 4u);
  EXPECT_TRUE(part.rows[0].baseline && part.rows[1].baseline);
  EXPECT_FALSE(part.rows[1].values[0]->difference);
  EXPECT_DOUBLE_EQ(*part.rows[2].values[0]->difference, 2);
  EXPECT_DOUBLE_EQ(*part.rows[3].values[0]->difference, 20);
}

// An arm whose grid is its own is no baseline of the others: no difference, and it is said.
TEST(Compare, CellsThatNoBaselineMatchesAreNamed) {
  FakeResults results("unmatched");
  auto front = results.front("f", 1);
  const std::vector<std::string> cells = {"causal", "masked, steps=4", "masked, steps=8"};
  FakeResults::declare(front, "quick", cells, "q.toml:3:1", "masked");
  score_cells(results, front, cells, {1, 2, 3});
  auto database = open_read_only(ledger_file(results.folder()));
  EXPECT_EQ(compare(database, {"quick", {}}).unmatched, std::vector<std::string>{"causal"});
  const auto text = shell(std::string(TESSERA_BINARY_DIR "/bin/tessera compare quick --results ") + results.folder().string()).first;
  EXPECT_NE(text.find("\n  No difference is counted for causal: the baseline masked has no cell at the same points of the\n  axes.\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(query(database, "SELECT cell FROM v_cell WHERE baseline ORDER BY position", {}).rows.size(), 2U) << "an arm is all its cells";
}

TEST(Statistics, AgainstHandComputedValues) {
  const auto e = estimate({1, 2, 3, 4, std::nan("")});
  EXPECT_EQ(e.n, 4);
  EXPECT_EQ(e.n_nan, 1);
  EXPECT_DOUBLE_EQ(e.mean, 2.5);
  EXPECT_NEAR(*e.deviation, 1.2909944487358056, 1e-15);
  EXPECT_NEAR(*e.half_width, 3.182446305284263 * 1.2909944487358056 / 2, 1e-9);  // t(0.975, 3 degrees) from a table
  EXPECT_EQ(*estimate({0.1 + 0.2, 0.3, 0.3}).deviation, 0) << "equal but for rounding";
  EXPECT_FALSE(estimate({5}).deviation);
  EXPECT_TRUE(std::isnan(estimate({}).mean));
  // Values that agree in their leading digits.
  EXPECT_NEAR(*estimate({1e9 + 1, 1e9 + 2, 1e9 + 3}).deviation, 1.0, 1e-6);
}

// Images whose every pixel says which sample of which stage it is.
TEST(Grid, PlacesEachSampleAsItIs) {
  FakeResults results("grid");
  auto front = results.front("f", 1);
  FakeResults::declare(front, "quick", {"causal", "masked"});
  uint8_t shade = 40;
  for (const std::string cell : {"causal", "masked"}) {
    FakeResults::trial(front, "quick", cell, 3, {{"samples.free", "s-" + cell}, {"data", "d"}});
    auto run = results.run("samples", "s-" + cell, 1, 0);
    results.publish(run, "samples", "s-" + cell, 1);
    const auto out = results.folder() / ("stages/samples-s-" + cell) / "runs/1/out/samples.safetensors";
    std::vector<uint8_t> pixels;
    for (int n = 0; n < 2; ++n, shade += 20) {
      pixels.insert(pixels.end(), 3 * 8 * 8, shade);
      const Image8 preview{8, 8, 3, std::vector<uint8_t>(3 * 8 * 8, shade)};
      run.write({{"t", "sample"},
                 {"i", n},
                 {"noise_seed", 7},
                 {"label", 0},
                 {"ids", {1}},
                 {"logp", -1.0},
                 {"png", base64_encode(encode_png(preview))}});
    }
    save_safetensors(out, {{"images", {"U8", {2, 3, 8, 8}, pixels.data(), pixels.size()}}});
    std::ofstream(results.folder() / ("stages/samples-s-" + cell) / "stage.json")
        << Json{{"format", 1},
                {"kind", "samples"},
                {"key", "s-" + cell},
                {"run", 1},
                {"outputs", {{"samples.safetensors", {{"sha256", "x"}, {"bytes", fs::file_size(out)}}}}}};
    run.end();
  }
  record(results.folder());
  auto database = open_read_only(ledger_file(results.folder()));
  const auto grid = draw_grid(database, results.folder(), {"quick", {}, std::nullopt, 12, {}});
  EXPECT_EQ(grid.seed, 3);
  EXPECT_EQ(grid.rows, (std::vector<std::string>{"causal, free", "masked, free"}));
  const Image8 image = decode_png(encode_png(grid.image));
  EXPECT_EQ(image.channels, 3);
  // 8 pixels are drawn 64 wide: count the pixels of each shade.
  std::map<uint8_t, int64_t> count;
  for (size_t i = 0; i < image.pixels.size(); i += 3) ++count[image.pixels[i]];
  for (uint8_t each : {40, 60, 80, 100}) EXPECT_EQ(count[each], 64 * 64) << int(each);
  EXPECT_GT(count[32], 500);  // the labels
  // Trials by name, and experiments: the same rows, with names that tell them apart.
  const auto both = draw_grid(database, results.folder(), {"quick/masked/3", {}, std::nullopt, 12, {"quick/causal/3"}});
  EXPECT_EQ(both.rows, (std::vector<std::string>{"quick/masked/3, free", "quick/causal/3, free"}));
  EXPECT_EQ(both.notes, std::vector<std::string>());
  EXPECT_EQ(draw_grid(database, results.folder(), {"quick/masked/3", {}, std::nullopt, 12, {}}).rows,
            std::vector<std::string>{"masked, free"});
  EXPECT_EQ(draw_grid(database, results.folder(), {"quick", {}, std::nullopt, 12, {"quick/causal/3"}}).rows.size(), 2U)
      << "a stage that is shown twice is one row";
  EXPECT_THROW(draw_grid(database, results.folder(), {"quick/masked/4", {}, std::nullopt, 12, {}}), Error);
  // What was removed to save space is in the ledger still: its first samples.
  fs::remove(results.folder() / "stages/samples-s-masked/runs/1/out/samples.safetensors");
  const auto hollow = draw_grid(database, results.folder(), {"quick", {}, std::nullopt, 12, {}});
  EXPECT_EQ(hollow.rows, grid.rows);
  EXPECT_EQ(hollow.image.pixels, grid.image.pixels);
  EXPECT_EQ(hollow.notes,
            std::vector<std::string>{"masked, free: its output files were removed to save space; the ledger has the first 2"});
  EXPECT_THROW(draw_grid(database, results.folder(), {"quick", {"top_half"}, std::nullopt, 12, {}}), Error);
}

}  // namespace
}  // namespace tessera
