// sample: a finished trial's prior, sampled in another way. The result is a new trial of the experiment "adhoc"; every stage
// but samples and evaluations is the trial's own.
#include "cli/run/closing.hpp"
#include "experiment/trials/trial_experiment.hpp"

namespace tessera {

int verb_sample(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 1)) return 0;
  const auto& words = line.words();
  RunRequest request{line.common(), {"sample"}, true, {"samples", "evaluation"}};
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  return run_experiment(trial_experiment(line.common().results, words[0], {words.begin() + 1, words.end()}, "sampling."), request);
}

}  // namespace tessera
