#include <gtest/gtest.h>

#include "plugin_files.hpp"

namespace tessera {
namespace {

TEST(QuantizerConformance, PluginsObeyEveryLawAndEachLawSeesItsMutant) { expect_conformance("quantizer", "quantizers", quantizer_laws()); }

// The default settings leave half of vq and fsq unseen.
TEST(QuantizerConformance, OtherSettings) {
  std::vector<Subject> subjects;
  auto add = [&](const std::string& id, const std::string& name, const std::map<std::string, OptionValue>& values) {
    for (auto subject : built_plugins("quantizers"))
      if (subject.name == id) {
        subject.name = name;
        for (const auto& [option, value] : values) subject.values.set(option, value);
        subjects.push_back(subject);
      }
  };
  add("vq", "vq gradient", {{"update", std::string("gradient")}});
  add("vq", "vq cosine", {{"distance", std::string("cosine")}});
  add("vq", "vq gradient cosine", {{"update", std::string("gradient")}, {"distance", std::string("cosine")}});
  add("fsq", "fsq symmetric", {{"symmetric", true}, {"levels", std::vector<int64_t>{2, 2, 2, 2, 2}}});
  add("fsq", "fsq without projection", {{"levels", std::vector<int64_t>{5, 5, 5, 5, 2, 2, 2, 2}}});
  auto matrix = check_laws(quantizer_laws(), subjects);
  EXPECT_EQ(subjects.size(), 5u);
  EXPECT_TRUE(matrix.all_held()) << matrix.table() << matrix.failures();
}

// Takes latents of 12 channels alone, as a product quantizer of fixed parts would.
TEST(QuantizerConformance, LawsGoToTheDepthThatAQuantizerTakes) {
  for (auto& subject : built_plugins("quantizers")) {
    if (subject.name != "vq") continue;
    static const tessera_descriptor& real = *subject.descriptor;
    tessera_descriptor narrow = real;
    narrow.create = [](void* host, const void* values, const void* spec, void* out) {
      if (static_cast<const QuantizerSpec*>(spec)->latent.depth == 12) return real.create(host, values, spec, out);
      static_cast<Host*>(host)->fail("plugin", "found another depth, expected 12");
      return false;
    };
    subject.descriptor = &narrow;
    EXPECT_EQ(fitted(subject).depth, 12);
    auto matrix = check_laws(quantizer_laws(), {subject});
    EXPECT_TRUE(matrix.all_held()) << matrix.failures();
  }
}

TEST(QuantizerConformance, FsqSaysWhatIsWrong) {
  auto failure = [](std::vector<int64_t> levels) {
    for (auto& subject : built_plugins("quantizers"))
      if (subject.name == "fsq") {
        subject.values.set("levels", std::move(levels));
        std::shared_ptr<Quantizer> plugin;
        QuantizerSpec spec{{4, 4, 8, true}};
        EXPECT_FALSE(subject.descriptor->create(subject.host.get(), &subject.values, &spec, &plugin));
        return subject.host->failure;
      }
    return std::string();
  };
  EXPECT_EQ(failure({}), "levels: found an empty list, expected at least one number");
  EXPECT_EQ(failure({8, 1}), "levels: found 1, expected at least 2 levels a channel");
  EXPECT_EQ(failure(std::vector<int64_t>(9, 8)), "levels: found a product above 2^24, expected a vocabulary of at most that");
}

}  // namespace
}  // namespace tessera
