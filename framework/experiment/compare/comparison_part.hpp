// One part of a comparison: the cells' tokenizers, or priors, or answers to one sampling request, in one table.
#pragma once
#include "experiment/compare/comparison.hpp"
#include "experiment/compare/pairing.hpp"
#include "experiment/describe/baselines.hpp"
#include "experiment/evidence/evidence.hpp"

namespace tessera {

// What a per-sample metric is compared by; the pairing is empty where the row is compared with none.
struct SamplePairing {
  size_t row = 0, metric = 0;
  Scores scores;
  Pairing pairing;
};

class PartBuilder {
 public:
  // `evidence` and `baselines` outlive the builder.
  PartBuilder(std::string name, const Evidence& evidence, const std::vector<size_t>& baselines);
  // The place of a metric in the part, new or known by name and revision.
  size_t place(const ComparedMetric& metric);
  // In the order of cells and seeds.
  void add(size_t cell, int64_t seed, int64_t stage, size_t metric, double value, int64_t samples = 0);
  ComparedPart build();
  // Once built: by row and metric.
  const Scores& scores(size_t row, size_t metric) const { return scores_[first_cells_[row]][metric]; }
  const std::vector<SamplePairing>& sample_pairings() const { return sample_pairings_; }

 private:
  void add_rows();
  void compare_with(size_t row, size_t cell, size_t base_row, size_t base_cell);
  void correct();
  bool of_samples() const { return part_.name.rfind("samples", 0) == 0; }  // metrics of whole sets depend on the size of the set
  std::pair<size_t, size_t> trials_of(size_t cell) const;                  // [begin, end)
  std::vector<int64_t> missing_seeds(size_t cell) const;
  std::vector<std::string> same_slots(size_t cell, size_t base_cell) const;

  const Evidence& evidence_;
  const std::vector<size_t>& baselines_;
  ComparedPart part_;
  std::vector<std::vector<Scores>> scores_;  // by cell and metric
  std::vector<size_t> first_cells_;          // by row: the first that has a baseline with numbers, if any has
  std::vector<SamplePairing> sample_pairings_;
};

// Whether two rows have the same numbers of samples, images or sequences.
bool counts_agree(const ComparedPart& part, size_t row, size_t other);

// One row a kind of calibration ("<row>.<metric>" is how they are recorded), in the columns of the part it stands below; one each for
// every setting of the calibration's own options, where cells have several: "real (sampling.count=8)".
std::vector<ComparedRow> calibration_rows(const Evidence& evidence, const ComparedPart& part);

}  // namespace tessera
