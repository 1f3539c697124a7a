// Why a stage is computed or reused: its key against that of the nearest stage there is.
#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/plan/key_difference.hpp"
#include "experiment/plan/plan.hpp"
#include "experiment/trials/subject.hpp"

namespace tessera {

struct Why {
  std::string stage, title;  // "prior-4f2a…", "prior (masked)"
  std::string state;         // "to run", "reused", "stale", …
  std::string reason;        // in words; empty where the differences say it
  std::string nearest;       // the published stage of its kind with the fewest differences, if there is any
  std::vector<KeyDifference> differences;
};

// Every stage of a plan; those that need not run have no differences.
std::vector<Why> why(SQLite::Database& database, const std::filesystem::path& results, const Plan& plan);
// A recorded stage against the nearest other one.
Why why(SQLite::Database& database, const std::filesystem::path& results, const Subject& stage);

Json to_json(const Why& why);
// "prior.layers: 4 -> 6"
std::string text_of(const KeyDifference& difference);

}  // namespace tessera
