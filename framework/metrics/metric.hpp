// What a metric is. One file a metric: its declarations and a pure function from evidence to scores; one line in the list of
// metric.cpp, from which the manifest, the evaluation key and the engine's loop derive. The engine gathers evidence and asks
// measure_…(); it names no metric.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/cost.hpp"
#include "tessera/layout.hpp"

namespace tessera {

struct MetricDeclaration {
  std::string id;          // unique within its subject
  int64_t revision = 1;    // raise it when the number changes
  std::string subject;     // tokenizer | prior | samples | calibration
  std::string axis;        // step: one number | sample: one an image
  std::string goal;        // min | max | none
  std::string unit;        // "" | dB | bits | codes | s | …
  bool timing = false;     // a clock's value: outside digests
  std::string definition;  // one sentence that says what is computed, on which range and which implementation
};

// One number (axis step) or one a sample (axis sample; float64 on the CPU, NaN where undefined).
struct Score {
  std::string id;
  double value = 0;
  at::Tensor sample_M;
};

// All images uint8 M3HW on the CPU, ids int64 or int32 MN on the CPU.
struct TokenizerEvidence {
  at::Tensor images_MCHW;          // validation, uint8
  at::Tensor reconstruction_MCHW;  // float32 in [-1, 1], not yet clamped, as the decoder gave it
  at::Tensor ids_MN;               // of the same images: the fixed probe set of usage and perplexity
  TokenLayout layout;
};

struct PriorEvidence {
  at::Tensor nats_M;            // float64: negative log-likelihood of each validation sequence (exact), or its bound
  at::Tensor train_nats_M;      // the same of a stated subset of train; may be undefined
  at::Tensor scan_line_nats_M;  // any-order priors read as scan line on the first rows; undefined for ranked ones
  at::Tensor train_ids_MN, validation_ids_MN;
  TokenLayout layout;
};

// What samples are compared with; shared by the samples of all requests and by calibration.
struct ReferenceEvidence {
  at::Tensor train_images_MCHW, validation_images_MCHW;
  at::Tensor train_ids_MN, validation_ids_MN;
  TokenLayout layout;
  // Code vectors of each plane, K x D, by Quantizer::lookup; an undefined one: codes are clustered by their index.
  std::vector<at::Tensor> codes_KD;
};

struct SamplesEvidence {
  at::Tensor images_MCHW;
  at::Tensor ids_MN;
  // Of all tiles together, rows that fill a tile up included; rows = 0: not measured.
  Cost cost;
  double seconds = 0;  // decoding included
  int64_t tiles = 0, rows = 0;
  at::Tensor originals_MCHW = {};  // of completions: the validation images that they complete; undefined for free samples
};

// All of them, derived from the metrics' files. Calibration repeats every distribution metric of samples as "<row>.<id>", row
// one of calibration_row_names().
const std::vector<MetricDeclaration>& metric_declarations();
// Throws std::out_of_range.
const MetricDeclaration& metric_declaration(const std::string& subject, const std::string& id);

// Every declared metric of the subject that the evidence allows, in the order of the declarations. The default generator,
// thread count and grad mode are left as they are.
std::vector<Score> measure_tokenizer(const TokenizerEvidence& evidence);
std::vector<Score> measure_prior(const PriorEvidence& evidence);
// Parts of validation images are in completions: what compares with validation (the calibrated metrics) would reward copying and is
// left out of them.
std::vector<Score> measure_samples(const SamplesEvidence& evidence, const ReferenceEvidence& reference);
// Of measure_samples, what only the stage that draws knows: cost and seconds.
std::vector<Score> measure_cost(const SamplesEvidence& evidence);
// What the distribution metrics say of real data, as if it were samples:
//   real           train images as they are: the metric's own floor
//   reconstructed  their tokens decoded: what a perfect prior would get
//   shuffled       the same tokens, positions permuted row by row: a metric near `real` here cannot see structure
struct CalibrationRows {
  at::Tensor index_M;                  // rows of train, drawn by a fixed seed
  at::Tensor ids_MN, shuffled_ids_MN;  // for the engine to decode
};
const std::vector<std::string>& calibration_row_names();
CalibrationRows calibration_rows(const ReferenceEvidence& reference, int64_t count);
// Decoded from rows.ids_MN and rows.shuffled_ids_MN, uint8.
std::vector<Score> measure_calibration(const CalibrationRows& rows, const at::Tensor& reconstructed_MCHW, const at::Tensor& shuffled_MCHW,
                                       const ReferenceEvidence& reference);

}  // namespace tessera
