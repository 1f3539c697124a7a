// Experiment files: layers, arms, grids, references, plugins that change.
#include <fmt/format.h>

#include "experiment_fixture.hpp"

namespace tessera {
namespace {

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

// The name of a section is a name like any other.
TEST_F(ExperimentFile, AnArmMayBeCalledAsASection) {
  EXPECT_EQ(
      labels(cells(kBase + "[arm.prior]\nprior.layers = 3\n[arm.data]\nnumerics.device = \"cpu\"\n[arm.sampling]\nsampling.seed = 3\n")),
      (Labels{"prior", "data", "sampling"}));
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
  const std::string small = kBase + "[random]\ncap = 50\nprior.layers = {min = 1, max = 3}\nprior.heads = {values = [1, 2]}\n";
  EXPECT_EQ(cells(small).size(), 6U);
  const auto notes = read_experiment("e.toml", {}).notes;
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0], "e.toml:6:7: random.cap: found 50, of which 6 are planned: no more points differ");
  EXPECT_TRUE(read_experiment("e.toml", {"random.cap=6"}).notes.empty());
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
