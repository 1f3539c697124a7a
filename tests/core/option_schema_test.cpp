#include "core/option_schema.hpp"

#include "scratch_folder.hpp"

namespace tessera {
namespace {

OptionSchema schema(const std::string& type, Json more = Json::object()) {
  Json option = {{"name", "o"}, {"type", type}, {"default", nullptr}, {"doc", ""}, {"effect", "training"}};
  option.update(more);
  return OptionSchema::from_json(option);
}

TEST(OptionSchema, ValuesThatFit) {
  EXPECT_FALSE(schema("bool").check(true));
  EXPECT_FALSE(schema("int", {{"min", 1}, {"max", 4}}).check(4));
  EXPECT_FALSE(schema("float", {{"min", 0.0}}).check(0));
  EXPECT_FALSE(schema("string").check("x"));
  EXPECT_FALSE(schema("file").check("a/b"));
  EXPECT_FALSE(schema("choice", {{"choices", {"a", "b"}}}).check("b"));
  EXPECT_FALSE(schema("int[]").check(Json::array()));
  EXPECT_FALSE(schema("choice[]", {{"choices", {"a", "b"}}}).check({"b", "a"}));
}

TEST(OptionSchema, TextsOfWhatDoesNotFit) {
  EXPECT_EQ(*schema("int", {{"min", 2}, {"max", 64}}).check(65), "found 65, expected integer from 2 to 64");
  EXPECT_EQ(*schema("int", {{"min", 2}}).check(2.0), "found 2.0, expected integer of at least 2");
  EXPECT_EQ(*schema("int").check("2"), "found \"2\", expected integer");
  EXPECT_EQ(*schema("int").check(UINT64_MAX), "found 18446744073709551615, expected integer");
  EXPECT_EQ(*schema("float", {{"max", 0.5}}).check(INFINITY), "found \"inf\", expected number of at most 0.5");
  EXPECT_EQ(*schema("float").check(true), "found true, expected number");
  EXPECT_EQ(*schema("bool").check(1), "found 1, expected true or false");
  EXPECT_EQ(*schema("string").check(Json::array()), "found [], expected string");
  EXPECT_EQ(*schema("file").check(3), "found 3, expected path of a file");
  EXPECT_EQ(*schema("float[]", {{"min", 0}}).check({1.0, -1.0}), "found [1.0,-1.0], expected list of numbers of at least 0.0");
  EXPECT_EQ(*schema("int[]").check(3), "found 3, expected list of integers");
  EXPECT_EQ(*schema("choice", {{"choices", {"cosine", "linear"}}}).check("cosin"),
            "found \"cosin\", expected one of \"cosine\", \"linear\"; did you mean \"cosine\"?");
  EXPECT_EQ(*schema("choice", {{"choices", {"cosine", "linear"}}}).check("step"), "found \"step\", expected one of \"cosine\", \"linear\"");
  EXPECT_EQ(*schema("string").check(std::vector<int>(100, 7)),
            "found [7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7…, expected string");
}

TEST(OptionSchema, IntegersForNumbersAreOneKey) {
  EXPECT_EQ(canonical(schema("float").normalised(4)), "4.0");
  EXPECT_EQ(canonical(schema("float[]").normalised({1, 0.5})), "[1.0,0.5]");
  EXPECT_EQ(canonical(schema("int").normalised(4)), "4");
}

TEST(OptionSchema, JsonRoundTripAndRefusals) {
  Json option = Json::parse(R"({"name":"w","type":"int","default":4,"doc":"d","effect":"architecture","min":1.0,"max":9.0})");
  EXPECT_EQ(OptionSchema::from_json(option).to_json(), option);
  EXPECT_EQ(error_of([] { OptionSchema::from_json({{"name", "w"}}); }), "option {\"name\":\"w\"}: no type");
  EXPECT_EQ(error_of([] { OptionSchema::from_json(3); }), "option 3: no name");
  option["type"] = "tensor";
  EXPECT_NE(error_of([&] { OptionSchema::from_json(option); }).find("unknown type tensor"), std::string::npos);
}

TEST(DidYouMean, NearWordsOnly) {
  std::vector<std::string> words = {"width", "heads", "layers", "learning_rate", "k"};
  EXPECT_EQ(did_you_mean("widht", words), "width") << "a swap is one edit";
  EXPECT_EQ(did_you_mean("head", words), "heads");
  EXPECT_EQ(did_you_mean("learnig_rte", words), "learning_rate");
  EXPECT_EQ(did_you_mean("depth", words), std::nullopt);
  EXPECT_EQ(did_you_mean("x", words), std::nullopt);
  EXPECT_EQ(did_you_mean("", words), std::nullopt);
}

}  // namespace
}  // namespace tessera
