// tag and note differ in one word: what both of them do.
#pragma once
#include <string>
#include <vector>

#include "cli/verb.hpp"

namespace tessera {

int mark(const Verb& verb, const std::string& kind, const std::vector<std::string>& arguments);

}  // namespace tessera
