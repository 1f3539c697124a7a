// Experiment files: layers, arms, grids, references, plugins that change, and the whole text of every error.
#include "experiment/describe/experiment_file.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "experiment/describe/cell.hpp"
#include "fake_engine.hpp"
#include "temporary_folder.hpp"

namespace tessera {
namespace {

// A file that is complete: what tests add to it is what they are about.
const std::string kBase =
    "tokenizer.encoder.plugin = \"conv\"\n"
    "tokenizer.quantizer.plugin = \"vq\"\n"
    "prior.plugin = \"gpt\"\n"
    "sampling.plugin = \"scan_line\"\n";

class ExperimentFile : public ::testing::Test {
 protected:
  ExperimentFile() : before_(std::filesystem::current_path()) { std::filesystem::current_path(folder_.path()); }
  ~ExperimentFile() override { std::filesystem::current_path(before_); }

  std::vector<Cell> cells(const std::string& text, const std::vector<std::string>& words = {}) {
    folder_.write("e.toml", text);
    Problems problems;
    auto expanded = expand_cells(read_experiment("e.toml", words), declarations_, problems);
    problems.raise();
    return expanded;
  }

  std::string errors(const std::string& text, const std::vector<std::string>& words = {}) {
    try {
      cells(text, words);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::bad_config);
      return error.what();
    }
    return "no error";
  }

  static std::vector<std::string> labels(const std::vector<Cell>& cells) {
    std::vector<std::string> all;
    for (const auto& cell : cells) all.push_back(cell.label);
    return all;
  }

  TemporaryFolder folder_;
  Declarations declarations_{fake_engine_manifest(), fake_plugins()};

 private:
  std::filesystem::path before_;
};

using Labels = std::vector<std::string>;

TEST_F(ExperimentFile, TablesInAListAreNoArms) {
  EXPECT_EQ(errors(kBase + "[[arm]]\nprior.layers = 3\n[[arm]]\nprior.layers = 4\n"),
            "e.toml:6:7: arm: found [[arm]], expected [arm.<name>]: only [[exclude]] is a list of tables");
}

TEST_F(ExperimentFile, AGridThatIsTooLargeIsRefusedAtOnce) {
  std::string values;
  for (int i = 1; i <= 200; ++i) values += std::to_string(i) + ",";
  EXPECT_EQ(errors(kBase + "[grid]\nprior.layers = [" + values + "]\nprior.width = [" + values + "]\n"),
            "e.toml: found 40000 cells, expected at most 20000: draw some of them by [random]");
}

// Unless the arm says the option itself.
TEST_F(ExperimentFile, AnOptionOfTheNewPluginIsNotCarriedOver) {
  EXPECT_EQ(
      errors("tokenizer.encoder.plugin = \"conv\"\ntokenizer.quantizer.plugin = \"vq\"\nprior.plugin = \"maskgit\"\n"
             "sampling.plugin = \"iterative_masking\"\nsampling.steps = 10\n[arm.h]\nsampling.plugin = \"halton\"\nsampling.steps = 100\n"),
      "e.toml:8:18: sampling.steps: found 100, expected integer from 1 to 64");
}

TEST_F(ExperimentFile, ABaselineMayLeaveOutTheLastAxes) {
  const std::string text = kBase + "baseline = \"unchanged\"\n[ablate.shallow]\nprior.layers = 1\n";
  EXPECT_EQ(labels(cells(text, {"prior.width=64,128"})),
            (Labels{"unchanged, prior.width=64", "unchanged, prior.width=128", "shallow, prior.width=64", "shallow, prior.width=128"}));
  EXPECT_EQ(cells(text, {"prior.width=64,128", "baseline=unchanged, prior.width=64"}).size(), 4U) << "commas do not part a baseline";
}

TEST_F(ExperimentFile, AnOptionCarriedOverToAnotherPluginSaysWhose) {
  const std::string text =
      "tokenizer.encoder.plugin = \"conv\"\ntokenizer.quantizer.plugin = \"vq\"\nprior.plugin = \"maskgit\"\n"
      "sampling.plugin = \"iterative_masking\"\nsampling.steps = 100\n[arm.a]\n[arm.h]\nsampling.plugin = \"halton\"\n";
  EXPECT_EQ(errors(text),
            "e.toml:5:18: sampling.steps: found 100, expected integer from 1 to 64; carried over to sampling plugin "
            "'halton' (e.toml:8:19)");
}

TEST_F(ExperimentFile, AWordMayTakeAwayWhatAnExclusionSpeaksOf) {
  const auto file = kBase + "[arm.a]\n[arm.b]\nprior.layers = 3\n[[exclude]]\narm = \"b\"\nprior.layers = 3\n";
  EXPECT_EQ(labels(cells(file, {"~arm.b"})), Labels{"a"});
  EXPECT_EQ(labels(cells(file, {"arm.b.prior.layers=5"})), (Labels{"a", "b"}));
  EXPECT_EQ(errors(kBase + "[arm.a]\n[arm.b]\nprior.layers = 3\n[[exclude]]\narm = \"c\"\n", {"seeds=2"}),
            "e.toml:9:7: arm: found \"c\", which no cell has, expected one of \"a\", \"b\"");
}

TEST_F(ExperimentFile, OneCellWithoutAxes) {
  const auto all = cells(kBase + "prior.width = 64\n");
  ASSERT_EQ(labels(all), Labels{"e"});
  EXPECT_EQ(all[0].value("prior.width"), 64);
  EXPECT_EQ(all[0].settings.at("prior.width").origin, "e.toml:5:15");
  EXPECT_EQ(all[0].value("prior.heads"), 4);
  EXPECT_EQ(all[0].settings.at("prior.heads").origin, "default");
  EXPECT_EQ(all[0].value("data.source"), "emoji") << "the manifest's default";
  EXPECT_EQ(all[0].nested().at("prior").at("train").at("steps"), 100);
  EXPECT_EQ(all[0].nested().at("tokenizer").at("quantizer").at("plugin"), "vq");
}

TEST_F(ExperimentFile, LaterLayersWin) {
  folder_.write("presets/deep.toml", "prior.layers = 8\nprior.width = 8\nprior.heads = 2\n");
  folder_.write("presets/wide.toml", "extends = \"deep.toml\"\nprior.width = 256\nprior.heads = 8\n");
  const auto all = cells("extends = [\"presets/wide.toml\"]\n" + kBase + "prior.heads = 16\n[arm.a]\n[arm.b]\nprior.layers = 2\n",
                         {"prior.train.steps=7"});
  ASSERT_EQ(labels(all), (Labels{"a", "b"}));
  EXPECT_EQ(all[0].value("prior.layers"), 8) << "from the file that the extended file extends";
  EXPECT_EQ(all[0].value("prior.width"), 256) << "the extended file wins over what it extends";
  EXPECT_EQ(all[0].value("prior.heads"), 16) << "the file wins over what it extends";
  EXPECT_EQ(all[0].value("prior.train.steps"), 7) << "the command line wins over the file";
  EXPECT_EQ(all[1].value("prior.layers"), 2) << "an arm wins over all";
  EXPECT_EQ(all[0].settings.at("prior.layers").origin, "presets/deep.toml:1:16");
  EXPECT_EQ(all[0].settings.at("prior.train.steps").origin, "command line");
}

TEST_F(ExperimentFile, SeedsBaselineAndName) {
  folder_.write("experiments/sizes/width.toml", kBase + "seeds = [3, 5]\nquestion = \"Why?\"\nbaseline = \"a\"\n[arm.a]\n");
  const auto experiment = read_experiment("experiments/sizes/width.toml", {});
  EXPECT_EQ(experiment.name, "sizes/width");
  EXPECT_EQ(experiment.seeds, (std::vector<int64_t>{3, 5}));
  EXPECT_EQ(experiment.question, "Why?");
  EXPECT_EQ(experiment.baseline, "a");
  EXPECT_EQ(experiment_name("experiments/halton_order/experiment.toml"), "halton_order");
  EXPECT_EQ(experiment_name("somewhere/mine/experiment.toml"), "mine");
  EXPECT_EQ(read_experiment("experiments/sizes/width.toml", {"seeds=3"}).seeds, (std::vector<int64_t>{3, 5, 0}));
}

// How stages are run is said in the file or on the command line, and changes no key.
TEST_F(ExperimentFile, RunSectionIsNoSetting) {
  folder_.write("e.toml", kBase + "[run]\njobs = 3\nprune = \"asha\"\nprune_after = 10\ntime_limit = 60\n");
  const auto experiment = read_experiment("e.toml", {"run.retries=2", "run.jobs=4"});
  EXPECT_EQ(experiment.run.jobs, 4);
  EXPECT_EQ(experiment.run.retries, 2);
  EXPECT_EQ(experiment.run.time_limit, 60.0);
  EXPECT_EQ(experiment.run.prune.rule, "asha");
  EXPECT_EQ(experiment.run.prune.first_step, 10);
  EXPECT_EQ(cells(kBase + "[run]\nretries = 2\n")[0].hash, cells(kBase)[0].hash);
}

TEST_F(ExperimentFile, GridsMultiplyArms) {
  const auto all = cells(kBase + "[grid]\nprior.layers = [2, 3]\nprior.width = [8, 16]\n[arm.z]\n[arm.a]\nprior.heads = 1\n");
  EXPECT_EQ(labels(all),
            (Labels{"z, prior.layers=2, prior.width=8", "z, prior.layers=2, prior.width=16", "z, prior.layers=3, prior.width=8",
                    "z, prior.layers=3, prior.width=16", "a, prior.layers=2, prior.width=8", "a, prior.layers=2, prior.width=16",
                    "a, prior.layers=3, prior.width=8", "a, prior.layers=3, prior.width=16"}));
  EXPECT_EQ(all[7].axes,
            (std::map<std::string, std::string>{{"arm", "a"}, {"prior.layers", "prior.layers=3"}, {"prior.width", "prior.width=16"}}));
}

TEST_F(ExperimentFile, AZipMovesItsKeysTogether) {
  const auto all = cells(kBase + "[zip.size]\nprior.width = [8, 16]\nprior.heads = [2, 8]\n[grid]\nprior.layers = [2, 3]\n");
  EXPECT_EQ(labels(all), (Labels{"prior.width=8, prior.heads=2, prior.layers=2", "prior.width=8, prior.heads=2, prior.layers=3",
                                 "prior.width=16, prior.heads=8, prior.layers=2", "prior.width=16, prior.heads=8, prior.layers=3"}));
  EXPECT_EQ(all[2].value("prior.width"), 16);
  EXPECT_EQ(all[2].value("prior.heads"), 8);
  EXPECT_EQ(all[2].axes.at("size"), "prior.width=16, prior.heads=8");
}

TEST_F(ExperimentFile, AnAblationChangesNothingAndThenEachFactorAlone) {
  const auto all = cells(kBase + "[ablate.shallow]\nprior.layers = 1\n[ablate.narrow]\nprior.width = 8\nprior.heads = 2\n");
  ASSERT_EQ(labels(all), (Labels{"unchanged", "shallow", "narrow"}));
  EXPECT_EQ(all[0].value("prior.layers"), 4);
  EXPECT_EQ(all[1].value("prior.layers"), 1);
  EXPECT_EQ(all[1].value("prior.width"), 128) << "one factor alone";
  EXPECT_EQ(all[2].value("prior.layers"), 4) << "one factor alone";
  EXPECT_EQ(all[2].value("prior.heads"), 2);
  EXPECT_EQ(all[2].axes, (std::map<std::string, std::string>{{"ablate", "narrow"}}));
}

TEST_F(ExperimentFile, AnArmsGridVariesThatArmAlone) {
  const auto all = cells(
      kBase + "[arm.a]\n[arm.b]\nprior.width = 8\n[arm.b.grid]\nprior.layers = [2, 3]\nprior.heads = [1, 2]\n[arm.c]\nprior.layers = 9\n");
  ASSERT_EQ(labels(all), (Labels{"a", "b, prior.layers=2, prior.heads=1", "b, prior.layers=2, prior.heads=2",
                                 "b, prior.layers=3, prior.heads=1", "b, prior.layers=3, prior.heads=2", "c"}));
  EXPECT_EQ(all[4].value("prior.width"), 8);
  EXPECT_EQ(all[4].axes,
            (std::map<std::string, std::string>{{"arm", "b"}, {"prior.layers", "prior.layers=3"}, {"prior.heads", "prior.heads=2"}}));
  EXPECT_EQ(labels(cells(kBase + "[arm.a]\n[arm.b]\nprior.width = 8\n", {"arm.b.prior.layers=2,3"})),
            (Labels{"a", "b, prior.layers=2", "b, prior.layers=3"}));
}

TEST_F(ExperimentFile, ExclusionsLeaveOutCellsEvenThoseThatCouldNotBe) {
  const std::string file = kBase + "[arm.a]\n[arm.masked]\nprior.plugin = \"maskgit\"\n[grid]\nprior.layers = [2, 3]\n";
  EXPECT_EQ(labels(cells(file + "[[exclude]]\narm = \"masked\"\nprior.layers = 3\n")),
            (Labels{"a, prior.layers=2", "a, prior.layers=3", "masked, prior.layers=2"}));
  EXPECT_EQ(labels(cells(file + "[[exclude]]\narm = \"masked\"\n[[exclude]]\nprior.layers = 3\n")), Labels{"a, prior.layers=2"});
  EXPECT_EQ(labels(cells(file + "[[exclude]]\nprior.plugin = \"maskgit\"\n")), (Labels{"a, prior.layers=2", "a, prior.layers=3"}));
  // maskgit has no label smoothing: without the exclusion an error.
  EXPECT_EQ(labels(cells(kBase + "[arm.a]\n[arm.masked]\nprior.plugin = \"maskgit\"\n[grid]\nprior.label_smoothing = [0.0, 0.1]\n"
                                 "[[exclude]]\narm = \"masked\"\n")),
            (Labels{"a, prior.label_smoothing=0.0", "a, prior.label_smoothing=0.1"}));
}

TEST_F(ExperimentFile, RandomSearchDrawsFromItsSeed) {
  const std::string file = kBase +
                           "[random]\nprior.layers = {min = 1, max = 3}\nprior.train.lr = {min = 1e-4, max = 1e-2, log = true}\n"
                           "prior.heads = {values = [1, 2, 4]}\n";
  const auto few = labels(cells(file, {"random.cap=20"})), many = labels(cells(file, {"random.cap=200"}));
  ASSERT_EQ(few.size(), 20U);
  EXPECT_EQ(Labels(many.begin(), many.begin() + 20), few) << "a larger cap keeps the points of a smaller one";
  EXPECT_NE(labels(cells(file, {"random.cap=20", "random.seed=1"})), few);
  std::map<int64_t, int> layers, heads;
  int low = 0;
  for (const auto& cell : cells(file, {"random.cap=200"})) {
    ++layers[cell.value("prior.layers").get<int64_t>()];
    ++heads[cell.value("prior.heads").get<int64_t>()];
    const double lr = cell.value("prior.train.lr");
    EXPECT_TRUE(lr >= 1e-4 && lr <= 1e-2) << lr;
    low += lr < 1e-3;
  }
  // Each of three values 200/3 times, half of the rates below the middle of the logarithm: within four deviations.
  ASSERT_EQ(layers.size(), 3U);
  ASSERT_EQ(heads.size(), 3U);
  for (const auto& count : {layers[1], layers[2], layers[3], heads[1], heads[2], heads[4]}) EXPECT_NEAR(count, 66.7, 27);
  EXPECT_NEAR(low, 100, 29);
  // Six different points are all that there are.
  EXPECT_EQ(cells(kBase + "[random]\ncap = 50\nprior.layers = {min = 1, max = 3}\nprior.heads = {values = [1, 2]}\n").size(), 6U);
}

TEST_F(ExperimentFile, CommandLineMakesAxesAndRemoves) {
  EXPECT_EQ(labels(cells(kBase + "[grid]\nprior.layers = [2, 3]\n", {"grid.prior.layers=4,5"})),
            (Labels{"prior.layers=4", "prior.layers=5"}));
  EXPECT_EQ(read_experiment(folder_.write("s.toml", kBase), {"seeds=1,4"}).seeds, (std::vector<int64_t>{1, 4}));
  // More of them, or fewer: those that were named stay.
  EXPECT_EQ(read_experiment(folder_.write("s.toml", kBase), {"seeds=1,4", "seeds=5"}).seeds, (std::vector<int64_t>{1, 4, 0, 2, 3}));
  const auto named = folder_.write("named.toml", "seeds = [10, 3, 12]\n" + std::string(kBase));
  EXPECT_EQ(read_experiment(named, {"seeds=4"}).seeds, (std::vector<int64_t>{10, 3, 12, 0}));
  EXPECT_EQ(read_experiment(named, {"seeds=2"}).seeds, (std::vector<int64_t>{10, 3}));
  EXPECT_EQ(labels(cells(kBase, {"prior.layers=2,3"})), (Labels{"prior.layers=2", "prior.layers=3"}));
  EXPECT_EQ(labels(cells(kBase + "[arm.a]\n[arm.b]\nprior.layers = 2\n", {"~arm.a"})), Labels{"b"});
  EXPECT_EQ(labels(cells(kBase + "[arm.a]\n", {"arm.b.prior.layers=2"})), (Labels{"a", "b"}));
  EXPECT_EQ(cells(kBase, {"data.views=[\"identity\", \"flip\"]"})[0].value("data.views"), Json({"identity", "flip"}));
  EXPECT_EQ(cells(kBase, {"prior.plugin=maskgit"})[0].value("prior.plugin"), "maskgit");
}

TEST_F(ExperimentFile, ReferencesFollowTheFinalValue) {
  const auto all =
      cells(kBase + "prior.train.steps = \"${tokenizer.train.steps}\"\n[arm.short]\ntokenizer.train.steps = 9\n[arm.default]\n");
  EXPECT_EQ(all[0].value("prior.train.steps"), 9);
  EXPECT_EQ(all[1].value("prior.train.steps"), 100);
}

TEST_F(ExperimentFile, IntegersStandForFloats) {
  const auto all = cells(kBase + "tokenizer.loss.l1 = 2\n");
  EXPECT_EQ(canonical(all[0].value("tokenizer.loss.l1")), "2.0");
}

TEST_F(ExperimentFile, OptionsCarryOverWhenThePluginChanges) {
  const auto all =
      cells(kBase +
            "prior.width = 64\nprior.label_smoothing = 0.1\n[arm.masked]\nprior.plugin = \"maskgit\"\nprior.mask_schedule = \"linear\"\n");
  EXPECT_EQ(all[0].value("prior.width"), 64) << "same name and type";
  EXPECT_FALSE(all[0].settings.count("prior.label_smoothing"));
  ASSERT_EQ(all[0].lapsed.size(), 1U);
  EXPECT_EQ(all[0].lapsed[0].key, "prior.label_smoothing");
  EXPECT_EQ(all[0].lapsed[0].origin, "e.toml:6:25");
  EXPECT_EQ(all[0].lapsed[0].old_plugin, "gpt");
  EXPECT_EQ(all[0].lapsed[0].new_plugin, "maskgit");
}

TEST_F(ExperimentFile, FilesAreRelativeToTheFileThatNamesThem) {
  folder_.write("presets/stats.safetensors", "x");
  folder_.write("presets/p.toml", "tokenizer.encoder.statistics = \"stats.safetensors\"\n");
  const auto all = cells("extends = \"presets/p.toml\"\n" + kBase);
  EXPECT_EQ(all[0].value("tokenizer.encoder.statistics"), (folder_.path() / "presets/stats.safetensors").string());
}

TEST_F(ExperimentFile, ALapsedOptionIsNoErrorButAnUnknownOneIs) {
  EXPECT_EQ(errors(kBase + "prior.widht = 64\n[arm.masked]\nprior.plugin = \"maskgit\"\n"),
            "e.toml:5:7: prior.widht: found an unknown key, expected an option of prior plugin 'maskgit'; did you mean \"prior.width\"?");
}

// All texts in one table: what is added to a complete file, words of the command line, the whole text.
struct ErrorCase {
  const char *name, *text;
  std::vector<std::string> words;
  const char* expected;
};

void PrintTo(const ErrorCase& one, std::ostream* out) { *out << one.name; }

class ErrorTexts : public ExperimentFile, public ::testing::WithParamInterface<ErrorCase> {};

TEST_P(ErrorTexts, AreWhole) { EXPECT_EQ(errors(kBase + GetParam().text, GetParam().words), GetParam().expected); }

INSTANTIATE_TEST_SUITE_P(
    All, ErrorTexts,
    ::testing::Values(
        ErrorCase{"UnknownOption",
                  "tokenizer.train.step = 5\n",
                  {},
                  "e.toml:5:17: tokenizer.train.step: found an unknown key, expected an option of [tokenizer.train]; did you mean "
                  "\"tokenizer.train.steps\"?"},
        ErrorCase{"UnknownSection",
                  "priors.width = 5\n",
                  {},
                  "e.toml:5:8: priors.width: found an unknown key, expected a section that exists; did you mean \"prior.width\"?"},
        ErrorCase{"UnknownTopLevel",
                  "questions = \"?\"\n",
                  {},
                  "e.toml:5:1: questions: found an unknown key, expected a section that exists; did you mean \"question\"?"},
        ErrorCase{"WrongType", "prior.width = \"wide\"\n", {}, "e.toml:5:15: prior.width: found \"wide\", expected integer from 4 to 4096"},
        ErrorCase{"OutOfRange", "prior.heads = 0\n", {}, "e.toml:5:15: prior.heads: found 0, expected integer from 1 to 64"},
        ErrorCase{"WrongChoice",
                  "prior.behaviour = \"crahs\"\n",
                  {},
                  "e.toml:5:19: prior.behaviour: found \"crahs\", expected one of \"ok\", \"fail\", \"crash\", \"bad_plugin\", \"silent\", "
                  "\"endless\", \"slow\", \"curve\", \"flaky\", \"greedy\", \"measured\", \"train\", \"deaf\", \"lingering\"; did you mean "
                  "\"crash\"?"},
        ErrorCase{"RunInAGrid",
                  "[grid]\nrun.jobs = [1, 2]\n",
                  {},
                  "e.toml:6:5: run.jobs: found an unknown key, expected an option of a cell: [run] says how the whole experiment runs"},
        ErrorCase{"ZipWithoutName",
                  "[zip]\nprior.layers = [1, 2]\n",
                  {},
                  "e.toml:6:7: zip.prior.layers: found no name before the option, expected it in a table [zip.<name>]"},
        ErrorCase{"AblationWithoutName",
                  "[ablate]\nprior.layers = 2\n",
                  {},
                  "e.toml:6:7: ablate.prior.layers: found no name before the option, expected it in a table [ablate.<name>]"},
        ErrorCase{"RandomWithWrongCap",
                  "[random]\ncap = 20000\nprior.layers = {min = 1, max = 3}\n",
                  {},
                  "e.toml:6:7: random.cap: found 20000, expected integer from 1 to 10000"},
        ErrorCase{"BaselineWithAGridOfItsOwn",
                  "baseline = \"b\"\n[arm.a]\n[arm.b.grid]\nprior.layers = [2, 3]\n",
                  {},
                  "e.toml:5:12: baseline: found \"b\", which has no cell at the points of a, expected one cell: b, prior.layers=2; b, "
                  "prior.layers=3"},
        ErrorCase{"BaselineWhoseCellIsWrong",
                  "baseline = \"b\"\n[arm.a]\n[arm.b]\nprior.heads = 0\n",
                  {},
                  "e.toml:8:15: prior.heads: found 0, expected integer from 1 to 64"},
        ErrorCase{"BaselineLeftOut",
                  "baseline = \"b\"\n[arm.a]\n[arm.b]\nprior.layers = 3\n[[exclude]]\narm = \"b\"\n",
                  {},
                  "e.toml:5:12: baseline: found \"b\", of which no cell is left, expected one of a"},
        ErrorCase{"RunOption",
                  "run.retires = 3\n",
                  {},
                  "e.toml:5:5: run.retires: found an unknown option of [run], expected one of jobs, on_error, retries, time_limit, "
                  "memory_limit, stall_limit, prune, prune_stage, prune_metric, prune_after, prune_startup, prune_factor; did you mean "
                  "\"run.retries\"?"},
        ErrorCase{"RunValue",
                  "[run]\njobs = 0\nprune = \"hyperband\"\n",
                  {"run.time_limit=-1"},
                  "e.toml:6:8: run.jobs: found 0, expected integer from 1 to 256\n"
                  "e.toml:7:9: run.prune: found \"hyperband\", expected one of \"none\", \"median\", \"asha\"\n"
                  "command line: run.time_limit: found -1, expected number from 0.0 to 1e+09"},
        ErrorCase{"UnknownPlugin",
                  "",
                  {"prior.plugin=gtp"},
                  "command line: prior.plugin: found \"gtp\", expected a prior plugin: gpt, maskgit; did you mean \"gpt\"?"},
        ErrorCase{"PluginNoName", "", {"prior.plugin=3"}, "command line: prior.plugin: found 3, expected the name of a prior plugin"},
        ErrorCase{"RefusedPlugin",
                  "",
                  {"prior.plugin=broken"},
                  "command line: prior.plugin: found \"broken\", a library that was refused: its probe was killed by signal 11 "
                  "(Segmentation fault)"},
        ErrorCase{"UnknownSource",
                  "data.source = \"imagenet\"\n",
                  {},
                  "e.toml:5:15: data.source: found \"imagenet\", expected a data source: emoji, folder"},
        ErrorCase{"NoFile",
                  "tokenizer.encoder.statistics = \"/no/such.safetensors\"\n",
                  {},
                  "e.toml:5:32: tokenizer.encoder.statistics: found \"/no/such.safetensors\", expected a file that exists"},
        ErrorCase{
            "UnknownReference",
            "prior.layers = \"${prior.layer}\"\n",
            {},
            "e.toml:5:16: prior.layers: found a reference to 'prior.layer', expected a key that exists; did you mean \"prior.layers\"?"},
        ErrorCase{"CircularReference",
                  "prior.layers = \"${prior.heads}\"\nprior.heads = \"${prior.layers}\"\n",
                  {},
                  "e.toml:6:15: prior.heads: found references in a circle: prior.heads -> prior.layers -> prior.heads\n"
                  "e.toml:5:16: prior.layers: found references in a circle: prior.layers -> prior.heads -> prior.layers"},
        ErrorCase{"ReferenceOfAnotherType",
                  "prior.layers = \"${data.source}\"\n",
                  {},
                  "e.toml:5:16: prior.layers: found \"emoji\", expected integer from 1 to 64"},
        ErrorCase{"NoSeeds",
                  "seeds = 0\n",
                  {},
                  "e.toml:5:9: seeds: found 0, expected a number of seeds from 1 to 10000, or a list of different seeds of at least 0"},
        ErrorCase{"EqualSeeds",
                  "seeds = [1, 1]\n",
                  {},
                  "e.toml:5:9: seeds: found [1,1], expected a number of seeds from 1 to 10000, or a list of different seeds of at least 0"},
        ErrorCase{"QuestionNoText", "question = 42\n", {}, "e.toml:5:12: question: found 42, expected a string"},
        ErrorCase{"UnknownBaseline",
                  "baseline = \"casual\"\n[arm.causal]\n",
                  {},
                  "e.toml:5:12: baseline: found \"casual\", expected an arm: \"causal\"; did you mean \"causal\"?"},
        ErrorCase{"BaselineWithoutArms",
                  "baseline = \"causal\"\n",
                  {},
                  "e.toml:5:12: baseline: found \"causal\", expected no baseline in a file without arms"},
        ErrorCase{"BaselineOfAnAblation",
                  "baseline = \"unchangd\"\n[ablate.shallow]\nprior.layers = 1\n",
                  {},
                  "e.toml:5:12: baseline: found \"unchangd\", expected a cell, or what labels of cells begin with: \"unchanged\", "
                  "\"shallow\"; did you mean \"unchanged\"?"},
        ErrorCase{"ArmNoTable", "[arm]\nmasked = 3\n", {}, "e.toml:6:10: arm.masked: found 3, expected a table [arm.masked]"},
        ErrorCase{"GridNoList", "[grid]\nprior.layers = 3\n", {}, "e.toml:6:16: grid.prior.layers: found 3, expected a list of values"},
        ErrorCase{
            "GridTwice", "[grid]\nprior.layers = [3, 3]\n", {}, "e.toml:6:16: grid.prior.layers: found 3 twice, expected different values"},
        ErrorCase{"ZipOfATakenName",
                  "[arm.a]\n[zip.arm]\nprior.layers = [3, 5]\n",
                  {},
                  "e.toml:7:7: zip.arm.prior.layers: found a zip of the name 'arm', which another axis has, expected another"},
        ErrorCase{"ZipOfUnequalLengths",
                  "[zip.size]\nprior.layers = [3, 4]\nprior.width = [8]\n",
                  {},
                  "e.toml:7:15: prior.width: found 1 values, expected 2 as prior.layers has (e.toml:6:7)"},
        ErrorCase{
            "ZipNoList", "[zip.size]\nprior.layers = 3\n", {}, "e.toml:6:16: zip.size.prior.layers: found 3, expected a list of values"},
        ErrorCase{"AblateNoTable", "[ablate]\nx = 3\n", {}, "e.toml:6:5: ablate.x: found 3, expected tables [ablate.<name>]"},
        ErrorCase{"ExcludeUnknown",
                  "[arm.a]\n[[exclude]]\narm = \"a\"\nprior.layer = 3\n",
                  {},
                  "e.toml:8:7: prior.layer: found an unknown key, expected one of a cell, or an axis"},
        ErrorCase{"ExcludeNoSuchValue",
                  "[grid]\nprior.layers = [2, 4]\n[[exclude]]\nprior.layers = 6\n",
                  {},
                  "e.toml:8:16: prior.layers: found 6, which no cell has, expected one of 2, 4"},
        ErrorCase{"ExcludeNoSuchArm",
                  "[arm.a]\n[arm.masked]\nprior.layers = 3\n[[exclude]]\narm = \"maskd\"\n",
                  {},
                  "e.toml:9:7: arm: found \"maskd\", which no cell has, expected one of \"a\", \"masked\"; did you mean \"masked\"?"},
        ErrorCase{"ExcludeThatNeverMeets",
                  "[arm.a]\n[arm.b]\nprior.layers = 3\n[[exclude]]\narm = \"a\"\nprior.layers = 3\n",
                  {},
                  "e.toml:9:1: exclude: found no cell in which all 2 of its values meet, expected at least one"},
        ErrorCase{"ZipEmpty", "[zip.size]\n", {}, "e.toml:5:6: zip.size: found no list, expected lists of equal lengths"},
        ErrorCase{"AblationOfTheReference",
                  "[ablate.unchanged]\nprior.layers = 3\n[ablate.other]\nprior.layers = 2\n",
                  {},
                  "e.toml:6:7: ablate.unchanged: found the name of the cell in which nothing is ablated, expected another"},
        ErrorCase{"ArmWithoutAName",
                  "[arm.\" \"]\nprior.layers = 3\n[arm.b]\n",
                  {},
                  "e.toml:6:7: arm: found the name \" \", expected printable text in one line"},
        ErrorCase{"ArmOfTwoLines",
                  "[arm.\"a\\nb\"]\nprior.layers = 3\n[arm.b]\n",
                  {},
                  "e.toml:6:7: arm: found the name \"a\\nb\", expected printable text in one line"},
        ErrorCase{"ExcludeAll", "[[exclude]]\nprior.plugin = \"gpt\"\n", {}, "e.toml: found no cell: [[exclude]] leaves out all of them"},
        ErrorCase{"ZipInArm",
                  "[arm.a.zip.x]\nprior.layers = [3]\n",
                  {},
                  "e.toml:6:7: arm.a.zip.x.prior.layers: found 'zip' in an arm, expected settings or a grid"},
        ErrorCase{"ArmAndItsGrid",
                  "[arm.a]\nprior.layers = 3\n[arm.a.grid]\nprior.layers = [1, 2]\n",
                  {},
                  "e.toml:6:7: prior.layers: found in arm.a and in arm.a.grid (e.toml:8:7), expected in one of them"},
        ErrorCase{"ArmGridAndGrid",
                  "[arm.a.grid]\nprior.layers = [1, 2]\n[grid]\nprior.layers = [1, 2]\n",
                  {},
                  "e.toml:6:7: prior.layers: found in arm.a and in the grid (e.toml:8:7), expected in one of them"},
        ErrorCase{"GridAndAblation",
                  "[grid]\nprior.layers = [3, 5]\n[ablate.x]\nprior.layers = 1\n",
                  {},
                  "e.toml:6:7: prior.layers: found in the grid and in ablate.x (e.toml:8:7), expected in one of them"},
        ErrorCase{
            "GridOfAKeyThatAnArmLacks",
            "[arm.a]\n[arm.masked]\nprior.plugin = \"maskgit\"\n[grid]\nprior.label_smoothing = [0.0, 0.1]\n",
            {},
            "e.toml:9:7: prior.label_smoothing: found an unknown key, expected an option of prior plugin 'maskgit'; the plugin is set at "
            "e.toml:7:16: vary the key in [arm.<name>.grid] of the arms that have it, or leave these cells out by [[exclude]]"},
        ErrorCase{"RandomWithoutCap",
                  "[random]\nprior.layers = {min = 1, max = 3}\n",
                  {},
                  "e.toml:6:17: random.cap: found nothing, expected the number of points"},
        ErrorCase{"RandomNoRange",
                  "[random]\ncap = 2\nprior.layers = 3\n",
                  {},
                  "e.toml:7:16: random.prior.layers: found 3, expected {min, max}, {min, max, log} or {values}"},
        ErrorCase{"RandomFalls",
                  "[random]\ncap = 2\nprior.layers = {min = 3, max = 1}\n",
                  {},
                  "e.toml:7:32: random.prior.layers.max: found a range from 3 to 1, expected one that rises"},
        ErrorCase{"RandomLogOfZero",
                  "[random]\ncap = 2\nprior.train.lr = {min = 0, max = 1, log = true}\n",
                  {},
                  "e.toml:7:34: random.prior.train.lr.max: found a range from 0 to 1, expected one that rises from above 0"},
        ErrorCase{"RandomHalf",
                  "[random]\ncap = 2\nprior.layers = {min = 3}\n",
                  {},
                  "e.toml:7:23: random.prior.layers.min: found no max for prior.layers, expected {min, max}, {min, max, log} or {values}"},
        ErrorCase{"TwoAxes",
                  "[arm.a]\nprior.layers = 3\n[grid]\nprior.layers = [1, 2]\n",
                  {},
                  "e.toml:6:7: prior.layers: found in arm.a and in the grid (e.toml:8:7), expected in one of them"},
        ErrorCase{"EqualCells",
                  "[arm.a]\n[arm.b]\nprior.layers = 4\n",
                  {},
                  "e.toml: cells 'a' (e.toml:5:6) and 'b' (e.toml:7:7) are equal, expected a difference: remove one, or leave it out by "
                  "[[exclude]]"},
        ErrorCase{"OverriddenByAZip",
                  "[zip.size]\nprior.layers = [3, 5]\n",
                  {"prior.layers=5"},
                  "command line: prior.layers: found a value that zip.size overrides (e.toml:6:7), expected ~zip.size beside it"},
        ErrorCase{"OverriddenWord",
                  "[arm.a]\nprior.layers = 3\n",
                  {"prior.layers=5"},
                  "command line: prior.layers: found a value that every arm overrides (e.toml:6:7), expected arm.<name>.prior.layers=…"},
        ErrorCase{"NothingToRemove",
                  "[arm.masked]\n",
                  {"~arm.maskd"},
                  "command line: ~arm.maskd: found nothing to remove in e.toml; did you mean \"~arm.masked\"?"},
        ErrorCase{"NoAssignment", "", {"prior"}, "command line: found \"prior\", expected key=value or ~key"},
        ErrorCase{
            "ExtendsMissing", "extends = \"none.toml\"\n", {}, "e.toml:5:11: extends: found \"none.toml\", expected a file that exists"},
        ErrorCase{"ExtendsNumber", "extends = 3\n", {}, "e.toml:5:11: extends: found 3, expected a file or a list of files"},
        ErrorCase{"ExtendsItself", "extends = \"e.toml\"\n", {}, "e.toml:5:11: extends: found \"e.toml\", which extends itself"},
        ErrorCase{"AllAtOnce",
                  "prior.width = 0\nprior.widht = 1\nseeds = 2\ntokenizer.train.lr = \"high\"\n",
                  {},
                  "e.toml:6:7: prior.widht: found an unknown key, expected an option of prior plugin 'gpt'; did you mean \"prior.width\"?\n"
                  "e.toml:5:15: prior.width: found 0, expected integer from 4 to 4096\n"
                  "e.toml:8:22: tokenizer.train.lr: found \"high\", expected number from 0.0 to 1.0"}),
    [](const auto& test) { return test.param.name; });

TEST_F(ExperimentFile, AnExtendedFileIsPlain) {
  folder_.write("p.toml", "seeds = 3\nprior.layers = 2\n[arm.a]\n");
  EXPECT_EQ(errors("extends = \"p.toml\"\n" + kBase),
            "p.toml:1:1: seeds: found 'seeds' in an extended file, expected settings only\n"
            "p.toml:3:6: arm.a: found 'arm' in an extended file, expected settings only");
}

TEST_F(ExperimentFile, ACircleOfFilesIsFound) {
  folder_.write("a.toml", "extends = \"b.toml\"\n");
  folder_.write("b.toml", "extends = \"a.toml\"\n");
  EXPECT_EQ(errors("extends = \"a.toml\"\n" + kBase), "b.toml:1:11: extends: found \"a.toml\", which extends itself");
}

TEST_F(ExperimentFile, EveryPluginMustBeNamed) {
  EXPECT_EQ(errors("seeds = 1\n"),
            "e.toml: tokenizer.encoder.plugin: found nothing, expected an encoder plugin: conv\n"
            "e.toml: tokenizer.quantizer.plugin: found nothing, expected a quantizer plugin: fsq, vq\n"
            "e.toml: prior.plugin: found nothing, expected a prior plugin: gpt, maskgit\n"
            "e.toml: sampling.plugin: found nothing, expected a sampling plugin: halton, iterative_masking, scan_line");
}

}  // namespace
}  // namespace tessera
