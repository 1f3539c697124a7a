#include <gtest/gtest.h>

#include "plugin_files.hpp"

TEST(Conformance, SamplingStrategiesObeyTheirLaws) { tessera::expect_conformance("sampling", "sampling", tessera::sampling_laws()); }
