// Stage keys: the first 32 hexadecimal digits of the SHA-256 of canonical JSON `parts`. Parts hold what changes the result and
// nothing else: options at their declared default are left out, so spelling a default out, moving lines or adding an option
// to a plugin keeps keys. No artifact is needed, so a plan knows all keys before anything runs.
//
// stage       options that matter                                        inputs                            seed
// data        data, source (architecture)                                -                                 -
// tokenizer   tokenizer.*, encoder, quantizer (architecture, training),  data                              yes
//             data (training) but views
// tokens      encoder, quantizer (inference), data.views                 data, tokenizer                   -
// prior       prior.* (architecture, training)                           tokens, tokenizer                 yes
// samples     sampling.*, prior (inference), the request                 prior, tokens, tokenizer, data    yes
// evaluation  evaluate, metrics of its subject                           the subject and its inputs, data  -
#pragma once
#include <map>
#include <string>
#include <vector>

#include "experiment/describe/cell.hpp"

namespace tessera {

struct TrialStage {
  std::string slot;  // "prior", "samples.free", "evaluation.samples.free"
  std::string kind, key;
  std::string subject;  // of an evaluation: tokenizer, prior, samples, calibration
  std::string request;  // of samples and their evaluation
  Json parts;
  std::map<std::string, std::string> inputs;  // slot name without request -> key
  int64_t seed = 0;
};

// Device, precision, deterministic with `auto` resolved.
Json numerics_class(const Cell& cell);

// All stages of a trial, inputs before those that need them.
std::vector<TrialStage> trial_stages(const Cell& cell, int64_t seed, const std::string& data_fingerprint, const Declarations& declarations);

}  // namespace tessera
