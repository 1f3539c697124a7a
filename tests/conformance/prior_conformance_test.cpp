#include <gtest/gtest.h>

#include "plugin_files.hpp"

TEST(Conformance, PriorsObeyTheirLaws) { tessera::expect_conformance("prior", "priors", tessera::prior_laws()); }
