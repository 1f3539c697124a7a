#include <gtest/gtest.h>

#include "plugin_files.hpp"

namespace tessera {
namespace {

TEST(EncoderConformance, PluginsObeyEveryLawAndEachLawSeesItsMutant) { expect_conformance("encoder", "encoders", encoder_laws()); }

// Settings that are not the default ones: several grids, attention, no encoder blocks.
TEST(EncoderConformance, OtherSettingsOfConv) {
  for (auto& subject : built_plugins("encoders")) {
    if (subject.name != "conv") continue;
    subject.values.set("channels", int64_t{16});
    subject.values.set("patch", int64_t{2});
    subject.values.set("factor", int64_t{8});
    subject.values.set("multipliers", std::vector<int64_t>{1, 2});
    subject.values.set("blocks", int64_t{0});
    subject.values.set("decoder_blocks", int64_t{1});
    subject.values.set("attention", true);
    auto matrix = check_laws(encoder_laws(), {subject});
    EXPECT_TRUE(matrix.all_held()) << matrix.failures();
  }
}

// A patch that cuts no image of 32 x 32, and one that leaves it two positions a side: the laws go where the plugin goes.
TEST(EncoderConformance, LawsGoToTheSizeThatAnEncoderTakes) {
  for (auto& subject : built_plugins("encoders"))
    for (int64_t patch : {7, 16}) {
      if (subject.name != "vit") continue;
      subject.values.set("patch", patch);
      subject.values.set("width", int64_t{64});
      EXPECT_EQ(fitted(subject).image.height, patch == 7 ? 28 : 48);
      auto matrix = check_laws(encoder_laws(), {subject});
      EXPECT_TRUE(matrix.all_held()) << matrix.failures();
    }
}

TEST(EncoderConformance, ConvSaysWhatIsWrong) {
  auto failure = [](const std::string& option, OptionValue value, ImageShape image = {3, 32, 32}) {
    for (auto& subject : built_plugins("encoders"))
      if (subject.name == "conv") {
        subject.values.set(option, std::move(value));
        std::shared_ptr<Encoder> plugin;
        EncoderSpec spec{image};
        EXPECT_FALSE(subject.descriptor->create(subject.host.get(), &subject.values, &spec, &plugin));
        return subject.host->failure;
      }
    return std::string();
  };
  EXPECT_EQ(failure("factor", int64_t{6}), "factor: found 6, expected a power of two");
  EXPECT_EQ(failure("patch", int64_t{8}), "patch: found 8, expected a power of two that is at most the factor of 4");
  EXPECT_EQ(failure("multipliers", std::vector<int64_t>{}), "multipliers: found an empty list, expected at least one number");
  EXPECT_EQ(failure("depth", int64_t{8}, {3, 30, 32}),
            "factor: found images of 30x32 with 3 channels, expected sides that are multiples of the factor of 4");
}

}  // namespace
}  // namespace tessera
