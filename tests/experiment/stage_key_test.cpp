// Keys: what changes them and what must not. The golden values may change only with a reason: every published stage of every
// user is found by them.
#include "experiment/plan/stage_key.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "fake_engine.hpp"
#include "temporary_folder.hpp"

namespace tessera {
namespace {

const std::string kText =
    "[tokenizer]\nencoder.plugin = \"conv\"\nquantizer.plugin = \"vq\"\n[prior]\nplugin = \"gpt\"\nwidth = 64\n[sampling]\nplugin = "
    "\"scan_line\"\nrequests = [\"free\", \"top_half\"]\n";

class StageKey : public ::testing::Test {
 protected:
  using Keys = std::map<std::string, std::string>;  // slot -> key

  Keys keys(const std::string& text, const std::vector<std::string>& words = {}, int64_t seed = 0, const std::string& fingerprint = "f") {
    return keys_of(declarations_, text, words, seed, fingerprint);
  }

  Keys keys_of(const Declarations& declarations, const std::string& text, const std::vector<std::string>& words = {}, int64_t seed = 0,
               const std::string& fingerprint = "f") {
    Problems problems;
    const auto cells = expand_cells(read_experiment(folder_.write("e.toml", text), words), declarations, problems);
    problems.raise();
    Keys all;
    for (const auto& stage : trial_stages(cells.at(0), seed, fingerprint, declarations)) all[stage.slot] = stage.key;
    return all;
  }

  static std::set<std::string> changed(const Keys& a, const Keys& b) {
    std::set<std::string> slots;
    for (const auto& [slot, key] : a)
      if (b.at(slot) != key) slots.insert(slot);
    return slots;
  }

  TemporaryFolder folder_;
  Declarations declarations_{fake_engine_manifest(), fake_plugins()};
};

using Slots = std::set<std::string>;
const Slots kSamples = {"samples.free", "samples.top_half", "evaluation.samples.free", "evaluation.samples.top_half"};

Slots operator+(Slots a, const Slots& b) {
  a.insert(b.begin(), b.end());
  return a;
}
const Slots kFromPrior = kSamples + Slots{"prior", "evaluation.prior"};
const Slots kFromTokens = kFromPrior + Slots{"tokens", "evaluation.calibration"};
const Slots kFromTokenizer = kFromTokens + Slots{"tokenizer", "evaluation.tokenizer"};
const Slots kAll = kFromTokenizer + Slots{"data"};

TEST_F(StageKey, Golden) {
  const Keys golden = {
      {"data", "01b6293af7b3672aebc3ffe733cb386f"},
      {"evaluation.calibration", "8a4abb436501a67fdffda62ce3017fec"},
      {"evaluation.prior", "767b77c7028343a160fadf8986f0357c"},
      {"evaluation.samples.free", "56486fe5dcc2314d8ecfee9027dcf0c3"},
      {"evaluation.samples.top_half", "0cbbb51e3df11b7057da7e10a7f00b31"},
      {"evaluation.tokenizer", "1473cf0b398513b642d99749fc860552"},
      {"prior", "040f9ed82ec73ecc8ca3bcb32bd86b51"},
      {"samples.free", "4b99556a612e5128fb8e82495a913f10"},
      {"samples.top_half", "bffafed4e698669ec076bae710e65965"},
      {"tokenizer", "fc38a1b0fdce3ab97800b5710b030a8e"},
      {"tokens", "23e9cd2884789dbbc69309a235be97ff"},
  };
  EXPECT_EQ(keys(kText), golden);
}

TEST_F(StageKey, OrderCommentsAndLayersDoNotMatter) {
  folder_.write("p.toml", "prior.width = 64\n");
  const auto moved =
      "# a comment\nextends = \"p.toml\"\nsampling.requests = [\n  \"free\", # first\n  \"top_half\"]\nsampling.plugin = \"scan_line\"\n"
      "prior.plugin = \"gpt\"\ntokenizer.quantizer.plugin = \"vq\"\ntokenizer.encoder.plugin = \"conv\"\n";
  EXPECT_EQ(keys(kText), keys(moved));
}

TEST_F(StageKey, ADefaultSpelledOutDoesNotMatter) {
  EXPECT_EQ(keys(kText), keys(kText, {"prior.heads=4", "tokenizer.loss.l1=1", "data.split_seed=0", "sampling.logits.temperature=1.0",
                                      "evaluate.batch=64", "tokenizer.seed=-1", "prior.train.checkpoint_every=7"}));
}

struct Change {
  const char* word;
  Slots slots;
};

TEST_F(StageKey, EachOptionChangesItsStageAndWhatFollows) {
  const std::vector<Change> table = {
      {"data.split_seed=1", kAll},
      {"data.size=16", kAll},
      {"data.source=folder", kAll},
      {"data.random_flip=true", kFromTokenizer},
      {"data.views=[\"identity\", \"flip\"]", kFromTokens},
      {"tokenizer.encoder.channels=16", kFromTokenizer},
      {"tokenizer.quantizer.decay=0.5", kFromTokenizer},
      {"tokenizer.loss.l1=0.5", kFromTokenizer},
      {"tokenizer.train.steps=5", kFromTokenizer},
      {"tokenizer.quantizer.plugin=fsq", kFromTokenizer},
      {"prior.layers=2", kFromPrior},
      {"prior.train.lr=0.1", kFromPrior},
      {"prior.plugin=maskgit", kFromPrior},
      {"sampling.count=9", kSamples + Slots{"evaluation.calibration"}},
      {"sampling.logits.temperature=0.5", kSamples},
      {"sampling.plugin=halton", kSamples},
      {"evaluate.batch=8",
       {"evaluation.tokenizer", "evaluation.prior", "evaluation.calibration", "evaluation.samples.free", "evaluation.samples.top_half"}},
      {"tokenizer.train.checkpoint_every=9", {}},
  };
  const auto before = keys(kText);
  for (const auto& change : table) EXPECT_EQ(changed(before, keys(kText, {change.word})), change.slots) << change.word;
}

TEST_F(StageKey, ARequestMoreLeavesTheOthersAlone) {
  const auto all = keys(kText), one = keys(kText, {"sampling.requests=[\"top_half\"]"});
  for (const auto& [slot, key] : one) EXPECT_EQ(all.at(slot), key) << slot;
  EXPECT_NE(all.at("samples.free"), all.at("samples.top_half"));
}

TEST_F(StageKey, TheSeedChangesThreeStagesUnlessPinned) {
  EXPECT_EQ(changed(keys(kText), keys(kText, {}, 1)), kFromTokenizer);
  EXPECT_EQ(changed(keys(kText, {"tokenizer.seed=0"}), keys(kText, {"tokenizer.seed=0"}, 1)), kFromPrior);
  EXPECT_EQ(keys(kText), keys(kText, {"tokenizer.seed=0", "prior.seed=0", "sampling.seed=0"})) << "pinning the trial's own seed";
}

TEST_F(StageKey, DataThatChangesChangesAll) { EXPECT_EQ(changed(keys(kText), keys(kText, {}, 0, "g")), kAll); }

TEST_F(StageKey, AFileCountsByItsContent) {
  folder_.write("one.safetensors", "x");
  folder_.write("two.safetensors", "x");
  folder_.write("other.safetensors", "y");
  const auto with = [&](const std::string& name) {
    return keys(kText, {"tokenizer.encoder.statistics=" + (folder_.path() / name).string()});
  };
  EXPECT_EQ(with("one.safetensors"), with("two.safetensors"));
  EXPECT_EQ(changed(with("one.safetensors"), with("other.safetensors")), kFromTokenizer);
}

TEST_F(StageKey, CodeIsTheRevisionOrTheFileHash) {
  auto plugins = fake_plugins();
  for (auto& plugin : plugins) plugin["sha256"] = std::string(64, 'b');
  const Declarations rebuilt(fake_engine_manifest(), plugins);
  EXPECT_EQ(keys(kText), keys_of(rebuilt, kText)) << "declared revisions: a rebuilt library is the same code";
  EXPECT_EQ(changed(keys(kText, {"tokenizer.quantizer.plugin=fsq"}), keys_of(rebuilt, kText, {"tokenizer.quantizer.plugin=fsq"})),
            kFromTokenizer)
      << "fsq declares none";
  for (auto& plugin : plugins)
    if (plugin.value("id", "") == "gpt") plugin["revision"] = 2;
  EXPECT_EQ(changed(keys(kText), keys_of(Declarations(fake_engine_manifest(), plugins), kText)), kFromPrior);
}

TEST_F(StageKey, ANewMetricChangesItsEvaluationsAlone) {
  auto engine = fake_engine_manifest();
  auto metric = engine["metrics"][0];
  metric["id"] = "ssim";
  engine["metrics"].push_back(metric);
  EXPECT_EQ(changed(keys(kText), keys_of(Declarations(engine, fake_plugins()), kText)), Slots{"evaluation.tokenizer"});
}

TEST_F(StageKey, AnEngineRevisionChangesItsStageAndWhatFollows) {
  auto engine = fake_engine_manifest();
  engine["revisions"]["tokens"] = 2;
  EXPECT_EQ(changed(keys(kText), keys_of(Declarations(engine, fake_plugins()), kText)), kFromTokens);
}

std::vector<Json> with_option(const char* id, const char* name, Json value, const char* effect) {
  auto plugins = fake_plugins();
  for (auto& plugin : plugins)
    if (plugin.value("id", "") == id)
      plugin["options"].push_back({{"name", name}, {"type", "int"}, {"default", std::move(value)}, {"doc", ""}, {"effect", effect}});
  return plugins;
}

TEST_F(StageKey, AnOptionOfAPluginNamedSeedIsAnOption) {
  const Declarations declarations(fake_engine_manifest(), with_option("conv", "seed", 0, "training"));
  EXPECT_EQ(changed(keys_of(declarations, kText), keys_of(declarations, kText, {"tokenizer.encoder.seed=1"})), kFromTokenizer);
}

TEST_F(StageKey, OptionsOfUseCountWhereAPluginIsUsedAnew) {
  const Declarations quantizer(fake_engine_manifest(), with_option("vq", "noise", 0, "inference"));
  EXPECT_TRUE(changed(keys_of(quantizer, kText), keys_of(quantizer, kText, {"tokenizer.quantizer.noise=1"})).count("evaluation.tokenizer"));
  EXPECT_FALSE(changed(keys_of(quantizer, kText), keys_of(quantizer, kText, {"tokenizer.quantizer.noise=1"})).count("tokenizer"));
  const Declarations prior(fake_engine_manifest(), with_option("gpt", "noise", 0, "inference"));
  EXPECT_TRUE(changed(keys_of(prior, kText), keys_of(prior, kText, {"prior.noise=1"})).count("evaluation.prior"));
  EXPECT_FALSE(changed(keys_of(prior, kText), keys_of(prior, kText, {"prior.noise=1"})).count("prior"));
}

TEST_F(StageKey, OptionNamesThatASectionHasAreRefused) {
  for (const char* taken : {"seed", "plugin", "train"}) {
    const Declarations declarations(fake_engine_manifest(), with_option("gpt", taken, 0, "training"));
    EXPECT_EQ(declarations.plugin("prior", "gpt"), nullptr) << taken;
    EXPECT_EQ(declarations.refusal("gpt"), fmt::format("option {}: found a name that its section has already, expected another", taken));
  }
}

TEST_F(StageKey, ANewOptionAtItsDefaultChangesNothing) {
  auto plugins = fake_plugins();
  for (auto& plugin : plugins)
    if (plugin.contains("options"))
      plugin["options"].push_back({{"name", "novel"}, {"type", "bool"}, {"default", false}, {"doc", ""}, {"effect", "architecture"}});
  EXPECT_EQ(keys(kText), keys_of(Declarations(fake_engine_manifest(), plugins), kText));
}

}  // namespace
}  // namespace tessera
