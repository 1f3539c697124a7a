// What tables are filled with: numbers with as many digits as they are good for.
#pragma once
#include <string>

#include "core/text_table.hpp"
#include "experiment/statistics/statistics.hpp"

namespace tessera {

// Four significant digits, without an exponent where that is readable.
std::string format_number(double value);
// "4.491 ± 0.012": two significant digits of the deviation and the mean to the same place; one value: format_number.
std::string format_estimate(const Estimate& estimate);
// "+0.72", to the place of the estimate it belongs to.
std::string format_difference(double difference, const Estimate& estimate);
// "8.1 s", "3 min 20 s", "2 h 05 min".
std::string format_duration(double seconds);

}  // namespace tessera
