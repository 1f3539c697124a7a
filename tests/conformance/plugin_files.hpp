// Plugins of a kind as the tests find them: all built ones, and the mutants of the kind.
#pragma once
#include <string>
#include <vector>

#include "conformance/suite.hpp"

namespace tessera {

// Every library in build/plugins/<folder> ("priors"), with its defaults.
std::vector<Subject> built_plugins(const std::string& folder);
// One subject for each choice of the option `mutant` of tests/mutants/<kind>_mutants.so, "none" first.
std::vector<Subject> mutants(const std::string& kind);

// The kind's whole test: built plugins and the mutant "none" obey every law; the mutant named after a law breaks that law;
// laws and mutants are the same names. Prints both matrices.
void expect_conformance(const std::string& kind, const std::string& folder, const std::vector<Law>& laws);

}  // namespace tessera
