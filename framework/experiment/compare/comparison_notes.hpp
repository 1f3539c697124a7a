// What a reader of the differences must know besides, in sentences.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "experiment/compare/comparison.hpp"

namespace tessera {

// "samples.free: cells are scored on sets of unequal size (samples 8 to 16): …": metrics of whole sets are biased by the size of the set
// (Fréchet distance: Chong and Forsyth 2020).
std::optional<std::string> unequal_sets(const ComparedPart& part);

// What was stopped because it did badly; sets of unequal size; arms that differ at no seed, which tables leave out and Holm's correction
// counts; parts in which the baseline has no number.
std::vector<std::string> notes_of(const Comparison& comparison);

}  // namespace tessera
