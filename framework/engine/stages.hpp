// The six stages. Each reads inputs, computes, and leaves files in the run's out/ and rows in its journal.
#pragma once
#include "engine/plugin_factory.hpp"
#include "engine/stage_run.hpp"
#include "engine/tokenizer.hpp"

namespace tessera {

// Raised when what a stage computes changes; evaluations have none of their own: their metrics have.
struct StageRevision {
  const char* kind;
  int64_t revision;
};
const std::vector<StageRevision>& stage_revisions();

// Runs the stage that the run's spec names, up to publish(). Throws what went wrong; Interrupted for a signal.
void compute_stage(StageRun& run, PluginFactory& plugins);

void compute_data(StageRun& run, PluginFactory& plugins);
void compute_tokenizer(StageRun& run, PluginFactory& plugins);
void compute_tokens(StageRun& run, PluginFactory& plugins);
void compute_prior(StageRun& run, PluginFactory& plugins);
void compute_samples(StageRun& run, PluginFactory& plugins);
void compute_evaluation(StageRun& run, PluginFactory& plugins);

// Composition from the factory, weights not loaded. torch's generator is seeded before each plugin's create, by seed and slot.
std::shared_ptr<Tokenizer> make_tokenizer(PluginFactory& plugins, ImageShape image, uint64_t seed);
std::shared_ptr<Prior> make_prior(PluginFactory& plugins, const PriorSpec& spec, uint64_t seed);
// The quantizer a prior may look at: that of a tokenizer with one latent, frozen; else null.
std::shared_ptr<Quantizer> frozen_quantizer(Tokenizer& tokenizer);
// The published tokenizer of the run's inputs, in eval mode.
std::shared_ptr<Tokenizer> load_tokenizer(StageRun& run, PluginFactory& plugins);

}  // namespace tessera
