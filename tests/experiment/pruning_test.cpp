// Pruning against the decisions of Optuna's pruners (golden/make_pruning.py), each training's every report; and what they must not do.
#include "experiment/run/pruning.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/json.hpp"

namespace tessera {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Json golden() {
  const std::string folder = std::string(TESSERA_SOURCE_DIR) + "/tests/experiment/golden/";
  EXPECT_EQ(read_file(folder + "pruning.sha256").substr(0, 64), sha256_file(folder + "pruning.json"));
  return parse_json(read_file(folder + "pruning.json"), "pruning.json");
}

// How many reports are decided as the golden ones were. `wrong_startup` and `wrong_factor` are added: a wrong rule must be seen.
std::pair<size_t, size_t> agreement(const Json& one, int64_t wrong_startup = 0, int64_t wrong_factor = 0) {
  PrunePolicy policy;
  policy.rule = one.at("rule");
  policy.first_step = one.at("first_step");
  policy.startup = one.at("startup").get<int64_t>() + wrong_startup;
  policy.factor = one.at("factor").get<int64_t>() + wrong_factor;
  Pruner pruner(policy);
  std::map<int64_t, int64_t> reports;
  size_t equal = 0;
  for (const auto& event : one.at("events")) {
    const auto training = std::to_string(event[0].get<int64_t>());
    const double value = event[2].is_null() ? kNan : event[2].get<double>();
    const bool pruned = pruner.report("g", training, event[1], value).has_value();
    equal += pruned == (event[3] == 1);
    if (++reports[event[0]] == one.at("steps") && event[3] == 0) pruner.complete("g", training);
  }
  return {equal, one.at("events").size()};
}

TEST(Pruning, DecidesAsOptunaDoes) {
  const auto all = golden();
  size_t stopped = 0;
  std::set<std::string> rules;
  for (const auto& one : all.at("cases")) {
    const auto [equal, events] = agreement(one);
    EXPECT_EQ(equal, events) << one.at("rule") << " from step " << one.at("first_step");
    for (const auto& event : one.at("events")) stopped += event[3] == 1 ? 1 : 0;
    rules.insert(one.at("rule").get<std::string>());
  }
  EXPECT_EQ(rules.size(), 2U);
  EXPECT_GT(stopped, 100U);
}

TEST(Pruning, AWrongRuleDisagrees) {
  bool median_differs = false, asha_differs = false;
  const auto all = golden();
  for (const auto& one : all.at("cases")) {
    const auto [startup_equal, events] = agreement(one, 1, 0);
    const auto [factor_equal, same] = agreement(one, 0, 1);
    (one.at("rule") == "asha" ? asha_differs : median_differs) |= one.at("rule") == "asha" ? factor_equal != same : startup_equal != events;
  }
  EXPECT_TRUE(median_differs);
  EXPECT_TRUE(asha_differs);
}

TEST(Pruning, GroupsDoNotMeet) {
  Pruner pruner({"median", "prior", "validation_loss", 0, 1, 3});
  pruner.recall("gpt", "a", 10, 1.0);
  pruner.complete("gpt", "a");
  EXPECT_FALSE(pruner.report("maskgit", "b", 10, 5.0)) << "a masked bound is no exact likelihood";
  EXPECT_EQ(pruner.report("gpt", "c", 10, 5.0).value(),
            "its best validation_loss up to step 10 is 5, above 1, the median of 1 complete ones there");
}

TEST(Pruning, AValueThatIsToldAgainDecidesNothing) {
  Pruner pruner({"asha", "prior", "validation_loss", 1, 1, 2});
  pruner.recall("g", "a", 4, 1.0);
  pruner.recall("g", "b", 4, 2.0);
  EXPECT_FALSE(pruner.report("g", "b", 4, 2.0)) << "a resumed training passes its old steps";
  EXPECT_TRUE(pruner.report("g", "c", 4, 3.0));
}

// An infinite loss is a number, if a bad one; NaN is none.
TEST(Pruning, InfinityIsANumber) {
  Pruner pruner({"median", "prior", "validation_loss", 0, 1, 3});
  pruner.recall("g", "a", 10, 1.0);
  pruner.complete("g", "a");
  EXPECT_FALSE(pruner.report("g", "b", 5, std::numeric_limits<double>::infinity())) << "nobody is at step 5";
  EXPECT_EQ(pruner.report("g", "b", 10, std::numeric_limits<double>::infinity()).value(),
            "its best validation_loss up to step 10 is inf, above 1, the median of 1 complete ones there");
  EXPECT_EQ(pruner.report("g", "c", 5, kNan).value(), "validation_loss has been no number up to step 5");
}

TEST(Pruning, NoneStopsNothing) {
  Pruner pruner({"none", "prior", "validation_loss", 0, 1, 2});
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(pruner.report("g", std::to_string(i), 1, i));
}

}  // namespace
}  // namespace tessera
