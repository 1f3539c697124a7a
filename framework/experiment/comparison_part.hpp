// One part of a comparison: the cells' tokenizers, or priors, or answers to one sampling request, in one table.
#pragma once
#include "experiment/comparison.hpp"
#include "experiment/evidence.hpp"
#include "experiment/pairing.hpp"

namespace tessera {

class PartBuilder {
 public:
  // `evidence` outlives the builder. `baseline`: a label, or empty.
  PartBuilder(std::string name, const Evidence& evidence, std::string baseline);
  // In the order of cells and seeds.
  void add(size_t cell, int64_t seed, int64_t stage, const ComparedMetric& metric, double value);
  ComparedPart build();

 private:
  void add_rows();
  void compare_with(ComparedRow& row, size_t cell, const ComparedRow& base, size_t base_cell);
  void correct();

  const Evidence& evidence_;
  std::string baseline_;
  ComparedPart part_;
  std::vector<std::vector<Scores>> scores_;  // by cell and metric
};

// The cell that `cell` is measured from; npos where there is none. Labels are "arm, axis point, …": the baseline of a cell is the
// cell of the baseline's arm at the same points of the other axes, as far as that arm has them: "masked, sampling.steps=8,
// prior.layers=6" has "causal, prior.layers=6".
size_t baseline_of(const std::vector<std::string>& cells, size_t cell, const std::string& baseline);

// One row a kind of calibration ("<row>.<metric>" is how they are recorded), in the columns of the part it stands below.
std::vector<ComparedRow> calibration_rows(const Evidence& evidence, const ComparedPart& part);

}  // namespace tessera
