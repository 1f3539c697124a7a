// What two stage keys do not share, part by part, in words.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"

namespace tessera {

struct KeyDifference {
  std::string what;                 // "prior.layers", "plugin prior", "revision of plugin prior gpt", "input tokens", "seed", …
  std::optional<Json> there, here;  // empty: that key has no such part (an option: it is at its default)
  bool is_option = false, is_input = false;
  bool is_plugin = false;  // another plugin, not another build of it
};

// Of the parts that stage keys are hashed from; `here` is the stage that is asked about. Inputs come last.
std::vector<KeyDifference> key_differences(const Json& there, const Json& here);

}  // namespace tessera
