// Points and their summaries: buffered, so that a series is written in one sweep, and owned by rules that do not depend on
// the order in which journals are read.
//
// Invariants
//  1 After flush(), a summary is what a scan of its points in step order would give, to the last bit.
//  2 Points of the step axis belong to the highest run n with from_step < step; those of the sample axis to the highest run.
//    The caller asks for windows (recorder.cpp); this class only takes points away.
#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "registry/ledger/statements.hpp"

namespace tessera {

class SeriesWriter {
 public:
  explicit SeriesWriter(Statements& statements) : statements_(statements) {}

  // A later value of the same step replaces an earlier one.
  void add(int64_t stage, int64_t metric, int64_t step, double value) {
    buffer_[{stage, metric}].emplace_back(step, value);
    ++buffered_;
  }
  int64_t buffered() const { return buffered_; }
  // Deletes what is stored of the stage: step-axis points with after < step <= up_to, and all sample-axis points if
  // `sample_axis`. Flush first.
  void take_away(int64_t stage, int64_t after, int64_t up_to, bool sample_axis);
  void flush();

 private:
  using Series = std::pair<int64_t, int64_t>;  // stage, metric
  struct Summary {
    int64_t n = 0, n_nan = 0, steps = 0;
    double last = 0, min = 0, max = 0, sum = 0;
    void append(int64_t step, double value);
  };
  void write(const Series& series, std::vector<std::pair<int64_t, double>>& points);
  bool load(const Series& series, Summary& summary);
  Summary scan(const Series& series);
  void store(const Series& series, const Summary& summary);

  Statements& statements_;
  std::map<Series, std::vector<std::pair<int64_t, double>>> buffer_;
  int64_t buffered_ = 0;
};

}  // namespace tessera
