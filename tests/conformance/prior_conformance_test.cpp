#include <gtest/gtest.h>

#include "plugin_files.hpp"

namespace tessera {
namespace {

TEST(Conformance, PriorsObeyTheirLaws) { expect_conformance("prior", "priors", prior_laws()); }

// Laws about classes are not asked of a prior that takes none; all others are.
TEST(Conformance, APriorMayRefuseClasses) {
  for (auto& subject : built_plugins("priors")) {
    if (subject.name != "gpt") continue;
    static const tessera_descriptor& real = *subject.descriptor;
    tessera_descriptor unconditional = real;
    unconditional.create = [](void* host, const void* values, const void* spec, void* out) {
      if (static_cast<const PriorSpec*>(spec)->classes == 0) return real.create(host, values, spec, out);
      static_cast<Host*>(host)->fail("plugin", "found classes, expected none");
      return false;
    };
    const auto with_classes = check_laws(prior_laws(), {subject});
    subject.descriptor = &unconditional;
    const auto without = check_laws(prior_laws(), {subject});
    EXPECT_TRUE(without.all_held()) << without.failures();
    size_t more = 0;
    for (size_t l = 0; l < without.laws.size(); ++l) more += without.outcomes[l][0].state != with_classes.outcomes[l][0].state;
    EXPECT_EQ(more, 3U) << without.table();
  }
}

}  // namespace
}  // namespace tessera
