// Two keys' parts, in words.
#include "experiment/plan/key_difference.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tessera {
namespace {

Json parts() {
  return {{"stage", "prior"},
          {"revision", 2},
          {"seed", 0},
          {"numerics", {{"device", "cpu"}, {"precision", "fp32"}}},
          {"inputs", {{"tokens", "aaaa"}, {"tokenizer", "bbbb"}}},
          {"options", {{"prior.layers", 4}, {"prior.train.lr", 0.5}}},
          {"plugins", {{"prior", {{"id", "gpt"}, {"revision", 3}}}}},
          {"metrics", {{{"id", "psnr"}, {"revision", 1}}}},
          {"fingerprint", "ffff"}};
}

std::vector<std::string> what(const Json& there, const Json& here) {
  std::vector<std::string> names;
  for (const auto& one : key_differences(there, here)) names.push_back(one.what);
  return names;
}

// Every part, changed alone, is named alone.
TEST(KeyDifference, EachPartHasItsName) {
  const std::vector<std::pair<const char*, const char*>> table = {
      {"/revision", "revision of the engine's stage"}, {"/seed", "seed"},
      {"/numerics/precision", "numerics.precision"},   {"/inputs/tokens", "input tokens"},
      {"/options/prior.layers", "prior.layers"},       {"/plugins/prior/revision", "revision of plugin prior gpt"},
      {"/plugins/prior/id", "plugin prior"},           {"/metrics/0/revision", "revision of metric psnr"},
      {"/fingerprint", "fingerprint of the data"}};
  EXPECT_EQ(what(parts(), parts()), std::vector<std::string>());
  for (const auto& [path, name] : table) {
    Json changed = parts();
    changed[Json::json_pointer(path)] = "other";
    EXPECT_EQ(what(parts(), changed), std::vector<std::string>{name}) << path;
  }
}

TEST(KeyDifference, DefaultsAreMissingPartsAndInputsComeLast) {
  Json here = parts();
  here["options"].erase("prior.layers");
  here["options"]["prior.width"] = 64;
  here["inputs"]["tokens"] = "cccc";
  const auto differences = key_differences(parts(), here);
  ASSERT_EQ(differences.size(), 3u);
  EXPECT_EQ(differences[0].what, "prior.layers");
  EXPECT_EQ(*differences[0].there, 4);
  EXPECT_FALSE(differences[0].here);
  EXPECT_EQ(differences[1].what, "prior.width");
  EXPECT_FALSE(differences[1].there);
  EXPECT_TRUE(differences[1].is_option);
  EXPECT_EQ(differences[2].what, "input tokens");
  EXPECT_TRUE(differences[2].is_input);
}

}  // namespace
}  // namespace tessera
