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

// Ranks: those that say how a trial went, then all that was evaluated, training curves, calibration.
int metric_rank(const std::string& slot, bool by_sample, const std::string& goal);

// What a word means where many metrics may be shown: those of the one name that fits best, in every part that has it. Throws
// Error(bad_config) "<verb>: found metric 'frehet', expected …" with a few that there are and the nearest, where none or several names fit.
std::vector<MetricName> metrics_named(const std::string& verb, const std::string& word, const std::vector<MetricName>& names);

// "samples.free.frechet_random_features or samples.top_half.…": for messages; at most eight.
std::string listed(const std::vector<std::string>& words);

}  // namespace tessera
