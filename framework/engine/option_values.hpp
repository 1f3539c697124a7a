// JSON values of a section, typed by what declares them.
#pragma once
#include "core/json.hpp"
#include "tessera/options.hpp"

namespace tessera {

// options: the list of a manifest. What the section lacks gets its default; what no option declares is left out.
// Throws Error(bad_config) naming the option whose value is not of its type.
OptionValues option_values(const Json& options, const Json& section);

}  // namespace tessera
