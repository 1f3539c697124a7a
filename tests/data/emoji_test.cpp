// The emoji source and its split by content, on the installed font (fonts-noto-color-emoji 2.042, unicode-data 15.0).
#include <torch/torch.h>

#include <map>
#include <set>

#include "data/data_set.hpp"
#include "data/emoji_concepts.hpp"
#include "data/emoji_font.hpp"
#include "data/split.hpp"
#include "metrics/neighbours.hpp"
#include "scratch.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

// Must be on one side, whatever the seed.
const std::pair<const char*, const char*> kPairs[] = {
    // skin tone
    {"u1f44b", "u1f44b_1f3fb"},
    {"u1f44b_1f3fb", "u1f44b_1f3ff"},
    {"u1f44d", "u1f44d_1f3fd"},
    {"u270a_1f3fc", "u270a_1f3fe"},
    {"u1f91d", "u1faf1_1f3fb_200d_1faf2_1f3ff"},
    {"u1f476", "u1f476_1f3fd"},
    {"u1f385", "u1f385_1f3ff"},
    {"u1f46b_1f3fb", "u1f46b_1f3ff"},
    // gender
    {"u1f46e", "u1f46e_200d_2640"},
    {"u1f46e_200d_2642", "u1f46e_200d_2640"},
    {"u1f468_200d_1f680", "u1f469_200d_1f680"},
    {"u1f9d1_200d_1f3a8", "u1f469_1f3fd_200d_1f3a8"},
    {"u1f9dc", "u1f9dc_1f3fe_200d_2640"},
    {"u1f934", "u1f478"},
    {"u1f385", "u1f936"},
    {"u1f57a", "u1f483"},
    {"u1f935_200d_2640", "u1f935_200d_2642"},
    {"u1f468", "u1f469"},
    {"u1f474", "u1f475"},
    // age, hair, joined figures
    {"u1f466", "u1f467"},
    {"u1f468_200d_1f9b0", "u1f468_200d_1f9b3"},
    {"u1f46c", "u1f46d"},
    {"u1f48f", "u1f491"},
    {"u1f468_200d_1f469_200d_1f466", "u1f469_200d_1f469_200d_1f467"},
    // direction
    {"u1f91b", "u1f91c"},
    {"u1f446", "u1f449"},
    {"u1f3c3", "u1f3c3_200d_27a1"},
    {"u1f6b6_1f3fd_200d_2640", "u1f6b6_1f3fd_200d_2640_200d_27a1"},
    {"u1f50d", "u1f50e"},
    {"u2b05", "u27a1"},
    // families of one picture
    {"u1f550", "u1f55b"},
    {"u1f552", "u1f567"},
    {"u1f312", "u1f318"},
    {"u1f30d", "u1f30f"},
    {"u0031_20e3", "u0039_20e3"},
    {"u2648", "u2653"},
    {"u2764", "u1f499"},
    {"u1f534", "u1f7e6"},
    {"u1f170", "u1f17e"},
    {"u1f512", "u1f513"},
    {"u1f4d7", "u1f4d8"},
    {"u1f4eb", "u1f4ed"},
    // near-equal pixels of glyphs that no sequence reaches
    {"u1f468_200d_1f466", "glyph3504"},
    {"u1f468_200d_1f466_200d_1f466", "glyph3505"},
};

const DataSource& emoji() { return data_source("emoji"); }
const RawImages& raw() {
  static const RawImages images = emoji().load({});
  return images;
}
// Made once a seed: drawing 3,926 pictures takes 2 s.
const DataSet& split_with(int64_t seed) {
  static std::map<int64_t, DataSet> made;
  if (made.count(seed) == 0) {
    DataOptions options;
    options.split_seed = seed;
    made[seed] = make_data_set(emoji(), {}, options);
  }
  return made[seed];
}
double nearest_train_mse(const at::Tensor& validation, const at::Tensor& train) {
  return nearest_rows(validation.flatten(1), train.flatten(1)).distance_M.square().mean().item<double>() / validation[0].numel();
}

TEST(EmojiSource, HasThePicturesOfTheFont) {
  EXPECT_EQ(raw().names.size(), 3926u);
  EXPECT_EQ(raw().images_MCHW.sizes(), (at::IntArrayRef{3926, 3, 32, 32}));
  EXPECT_EQ(std::set<std::string>(raw().names.begin(), raw().names.end()).size(), 3926u) << "names are unique";
  const double white = raw().images_MCHW.eq(255).all(1).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(white, 0.47, 0.03);
  // The font's own rows are 136 x 128: padded above and below, so the first and last row of every picture are all but white.
  EXPECT_GT(raw().images_MCHW.select(2, 0).to(at::kDouble).mean().item<double>(), 240);
}

// Upright and unmirrored. France's glyph is shared with, and named after, Clipperton Island, which comes first.
TEST(EmojiSource, PicturesAreUpright) {
  const auto index = [](const char* name) { return std::find(raw().names.begin(), raw().names.end(), name) - raw().names.begin(); };
  const at::Tensor france = raw().images_MCHW[index("u1f1e8_1f1f5")].to(at::kInt);
  const auto pixel = [](const at::Tensor& image, int64_t row, int64_t column) {
    return std::vector<int>{image[0][row][column].item<int>(), image[1][row][column].item<int>(), image[2][row][column].item<int>()};
  };
  EXPECT_GT(pixel(france, 16, 4)[2], pixel(france, 16, 4)[0] + 60) << "blue on the left";
  EXPECT_GT(pixel(france, 16, 27)[0], pixel(france, 16, 27)[2] + 60) << "red on the right";
  const at::Tensor germany = raw().images_MCHW[index("u1f1e9_1f1ea")].to(at::kInt);
  EXPECT_LT(pixel(germany, 9, 16)[0], 90) << "black above";
  EXPECT_GT(pixel(germany, 22, 16)[1], 130) << "gold below";
}

TEST(EmojiSource, TakesOtherSizes) {
  OptionValues values;
  values.set("size", int64_t{20});
  EXPECT_EQ(emoji().load(values).images_MCHW.sizes(), (at::IntArrayRef{3926, 3, 20, 20}));
  EXPECT_EQ(emoji().inspect(values).image.height, 20);
}

TEST(EmojiSource, FactsAreThoseOfTheImages) {
  const SourceFacts facts = emoji().inspect({});
  EXPECT_EQ(facts.fingerprint.size(), 64u);
  EXPECT_EQ(facts.watch.size(), 2u);
  EXPECT_EQ(facts.classes, static_cast<int64_t>(raw().class_names.size()));
  EXPECT_LT(*std::max_element(raw().labels.begin(), raw().labels.end()), facts.classes);
  EXPECT_EQ(*std::min_element(raw().labels.begin(), raw().labels.end()), 0);
}

TEST(EmojiSplit, HasTheSizeAndDistanceItShould) {
  for (int64_t seed : {0, 1, 2}) {
    const DataSet& data = split_with(seed);
    EXPECT_NEAR(data.validation.size(), 390, 39) << seed;
    EXPECT_EQ(data.validation.size() + data.train.size(), 3926);
    EXPECT_GE(nearest_train_mse(data.validation.images_MCHW, data.train.images_MCHW), 0.028) << seed;
  }
  // Mutant: a split of single images.
  const at::Tensor order = Noise(0, "test").permutation(3926, "random split");
  const at::Tensor shuffled = raw().images_MCHW.index_select(0, order);
  EXPECT_LT(nearest_train_mse(shuffled.slice(0, 0, 390), shuffled.slice(0, 390)), 0.02);
}

// How many pairs a split puts asunder.
int64_t broken_pairs(const std::map<std::string, Split>& side_of) {
  int64_t broken = 0;
  for (const auto& [a, b] : kPairs) {
    EXPECT_EQ(side_of.count(a), 1u) << a;
    EXPECT_EQ(side_of.count(b), 1u) << b;
    if (side_of.count(a) && side_of.count(b) && side_of.at(a) != side_of.at(b)) broken++;
  }
  return broken;
}

TEST(EmojiSplit, KeepsFortyPairsTogether) {
  ASSERT_GE(std::size(kPairs), 40u);
  // The groups themselves, so that no pair is together by luck; equal pixels are found later.
  std::map<std::string, std::string> group_of;
  for (size_t i = 0; i < raw().names.size(); i++) group_of[raw().names[i]] = raw().groups[i];
  for (size_t i = 0; i + 2 < std::size(kPairs); i++) {
    EXPECT_EQ(group_of[kPairs[i].first], group_of[kPairs[i].second]) << kPairs[i].first << " " << kPairs[i].second;
  }
  for (int64_t seed = 0; seed < 3; seed++) {
    const DataSet& data = split_with(seed);
    std::map<std::string, Split> side_of;
    for (const auto& name : data.train.names) side_of[name] = Split::train;
    for (const auto& name : data.validation.names) side_of[name] = Split::validation;
    EXPECT_EQ(broken_pairs(side_of), 0) << seed;
  }
  // Mutant: every image a group of its own.
  DisjointSets single(3926);
  const auto splits = split_groups(single, std::vector<bool>(3926), {0, 0.1, 120});
  std::map<std::string, Split> side_of;
  for (size_t i = 0; i < splits.size(); i++) side_of[raw().names[i]] = splits[i];
  EXPECT_GT(broken_pairs(side_of), 2);
}

// Different things stay different: uniting too much would leave little to validate on.
TEST(EmojiSplit, DoesNotUniteWhatIsUnlike) {
  std::map<std::string, std::string> group_of;
  for (size_t i = 0; i < raw().names.size(); i++) group_of[raw().names[i]] = raw().groups[i];
  const std::pair<const char*, const char*> unlike[] = {{"u1f34e", "u1f697"}, {"u1f1e8_1f1f5", "u1f1e9_1f1ea"},
                                                        {"u1f431", "u1f436"}, {"u1f680", "u1f468_200d_1f680"},
                                                        {"u1f600", "u1f622"}, {"u1f550", "u23f0"}};
  for (const auto& [a, b] : unlike) EXPECT_NE(group_of.at(a), group_of.at(b)) << a << " " << b;
  EXPECT_GT(split_with(0).groups, 1400);
}

TEST(EmojiConcepts, StripWhatDoesNotChangeTheConcept) {
  const auto code = [](CodePoints c) { return concepts_of({std::move(c), "", "", ""}).at(0); };
  EXPECT_EQ(code({0x1F469, 0x1F3FD, 0x200D, 0x2695, 0xFE0F}), code({0x1F468, 0x200D, 0x2695}));
  EXPECT_EQ(code({0x1F3C3, 0x1F3FD, 0x200D, 0x27A1, 0xFE0F}), code({0x1F3C3}));
  EXPECT_NE(code({0x1F1E6, 0x1F1E6}), code({0x1F1E6})) << "doubled letters of a flag count";
  EXPECT_EQ(code({0x1F3FB}), "code 1f3fb") << "a lone skin tone is what it shows";
}

class EmojiErrors : public Scratch {
 protected:
  std::string inspect_error(const char* option, const std::string& path) const {
    OptionValues values;
    values.set(option, path);
    try {
      emoji().inspect(values);
    } catch (const DataError& error) {
      EXPECT_EQ(error.option(), option);
      return error.what();
    }
    return "";
  }
};

TEST_F(EmojiErrors, NameTheFile) {
  const std::string missing = (root_ / "x.ttf").string(), text = write("y.ttf", "hello").string();
  EXPECT_EQ(inspect_error("font", missing),
            missing + ": found no file, expected a colour emoji font (Debian package fonts-noto-color-emoji)");
  EXPECT_EQ(inspect_error("font", text), text + ": found a file that is no font, expected a colour emoji font");
  EXPECT_EQ(inspect_error("sequences", missing),
            missing + ": found no readable file, expected Unicode's emoji-test.txt (Debian package unicode-data)");
  EXPECT_EQ(inspect_error("sequences", write("empty.txt", "# nothing\n").string()),
            (root_ / "empty.txt").string() + ": found no emoji, expected Unicode's emoji-test.txt");
  EXPECT_EQ(
      inspect_error("sequences", write("bad.txt", "# fine\n1F600 grinning\n").string()),
      (root_ / "bad.txt").string() + ": line 2: found '1F600 grinning', expected '<code points> ; <status> # <emoji> <version> <name>'");
}

}  // namespace
}  // namespace tessera
