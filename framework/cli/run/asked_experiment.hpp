// Which experiment a word of `status`, `watch` or `stop` means.
#pragma once
#include <string>
#include <vector>

#include "cli/verb.hpp"
#include "experiment/run/front_journal.hpp"

namespace tessera {

// One that a live front runs, or one of the ledger, by name, file or the end of its name; "" for "". Throws Error(bad_config) where the
// word is neither, Error(ledger) where there is no such results folder.
std::string asked_experiment(const CommonOptions& common, const std::vector<LiveFront>& fronts, const std::string& word);

}  // namespace tessera
