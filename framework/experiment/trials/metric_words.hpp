// Which metric a short word means: "frechet" is samples.free's frechet_random_features where no other begins or ends so.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

struct MetricName {
  int64_t id = 0;    // in the table metric
  std::string slot;  // "evaluation.samples.free"
  std::string name;  // "frechet_random_features"
  int rank = 0;      // of names that a word fits equally well those of the lowest rank are meant

  // "samples.free": what the metric tells of.
  std::string part() const;
  // "samples.free.frechet_random_features": a word that fits nothing else.
  std::string word() const { return part() + "." + name; }
};

// "evaluation.samples.free" and "samples.free" tell of one part.
std::string part_of_slot(const std::string& slot);

// Lists of names that the word may stand for, better fits first: the full name; the name; its beginning or its end (behind "_" or
// "."), with the end of the part before it or without. Each list holds names of one rank; none is empty.
std::vector<std::vector<MetricName>> metrics_meant(const std::string& word, const std::vector<MetricName>& names);

// "samples.free.frechet_random_features or samples.top_half.…": for messages; at most eight.
std::string listed(const std::vector<std::string>& words);

}  // namespace tessera
