// A recorded trial as an experiment of one cell and one seed, with options changed on the command line.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "experiment/describe/experiment_file.hpp"

namespace tessera {

// `words` are key=value; `section` is what their keys must begin with ("sampling."; empty: any). The experiment's name is "adhoc".
// Throws Error(bad_config) on an unknown trial and on words of another form.
Experiment trial_experiment(const std::filesystem::path& results, const std::string& name, const std::vector<std::string>& words,
                            const std::string& section);

}  // namespace tessera
