#include "experiment/pictures/trace.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "core/safetensors.hpp"
#include "core/stage_folder.hpp"
#include "experiment/trials/subject.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSamples = "samples.";

struct NamedRequest {
  std::string request, key;
  int64_t stage = 0;
};

std::vector<NamedRequest> requests_of(SQLite::Database& database, int64_t trial) {
  SQLite::Statement row(database,
                        "SELECT x.slot, s.key, s.id FROM trial_stage x JOIN stage s ON s.id = x.stage WHERE x.trial = ? AND x.slot LIKE "
                        "'samples.%' ORDER BY x.slot <> 'samples.free', x.slot");
  row.bind(1, trial);
  std::vector<NamedRequest> found;
  while (row.executeStep())
    found.push_back(
        {row.getColumn(0).getString().substr(std::string(kSamples).size()), row.getColumn(1).getString(), row.getColumn(2).getInt64()});
  return found;
}

NamedRequest find_request(const std::vector<NamedRequest>& requests, const std::string& trial, const std::optional<std::string>& wanted) {
  if (requests.empty()) throw Error(ExitCode::run_failed, fmt::format("trace: {} samples nothing", trial));
  if (!wanted) return requests[0];
  std::vector<std::string> names;
  for (const auto& one : requests) {
    if (one.request == *wanted) return one;
    names.push_back(one.request);
  }
  const auto near = did_you_mean(*wanted, names);
  throw Error(ExitCode::bad_config, fmt::format("trace: found request '{}', expected one of those of {}: {}{}", *wanted, trial,
                                                fmt::join(names, ", "), near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

std::vector<TracedSample> read_samples(SQLite::Database& database, int64_t stage) {
  SQLite::Statement row(database, "SELECT idx, commit_step FROM sample WHERE stage = ? AND commit_step IS NOT NULL ORDER BY idx");
  row.bind(1, stage);
  std::vector<TracedSample> samples;
  while (row.executeStep()) {
    const auto steps = try_parse_json(row.getColumn(1).getString());
    if (steps && steps->is_array()) samples.push_back({row.getColumn(0).getInt64(), steps->get<std::vector<int64_t>>()});
  }
  return samples;
}

// As the trial's tokens say it. Empty where their file is not there.
std::vector<TracePlane> read_planes(SQLite::Database& database, const fs::path& results, int64_t trial) {
  SQLite::Statement row(database,
                        "SELECT s.key FROM trial_stage x JOIN stage s ON s.id = x.stage WHERE x.trial = ? AND x.slot = 'tokens' AND "
                        "s.published IS NOT NULL");
  row.bind(1, trial);
  if (!row.executeStep()) return {};
  std::vector<TracePlane> planes;
  try {
    const SafetensorsFile tokens(StageFolder(results, "tokens", row.getColumn(0).getString()).output("tokens.safetensors"));
    int64_t begin = 0;
    for (const auto& plane : parse_json(tokens.metadata().at("layout"), "layout")) {
      planes.push_back({plane.at("height"), plane.at("width"), plane.at("vocabulary"), plane.at("spatial"), begin});
      begin += planes.back().height * planes.back().width;
    }
  } catch (const std::exception&) {  // hollow, or another program's: the positions are shown in one row
    return {};
  }
  return planes;
}

}  // namespace

int64_t Trace::length() const { return samples.empty() ? 0 : static_cast<int64_t>(samples[0].commit_step_N.size()); }

int64_t Trace::steps() const {
  int64_t steps = 0;
  for (const auto& sample : samples)
    for (const int64_t step : sample.commit_step_N) steps = std::max(steps, step + 1);
  return steps;
}

std::vector<double> Trace::tokens_per_step() const {
  std::vector<double> tokens(static_cast<size_t>(steps()), 0);
  for (const auto& sample : samples)
    for (const int64_t step : sample.commit_step_N)
      if (step >= 0) tokens[static_cast<size_t>(step)] += 1.0 / static_cast<double>(samples.size());
  return tokens;
}

std::vector<double> Trace::mean_step_N() const {
  std::vector<double> mean;
  for (size_t position = 0; position < static_cast<size_t>(length()); ++position) {
    double sum = 0;
    int64_t count = 0;
    for (const auto& sample : samples)
      if (sample.commit_step_N[position] >= 0) sum += static_cast<double>(sample.commit_step_N[position]), ++count;
    mean.push_back(count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN());
  }
  return mean;
}

Trace read_trace(SQLite::Database& database, const fs::path& results, const std::string& word, const std::optional<std::string>& wanted) {
  const auto trial = find_subject(database, "trace", word, {Subject::trial});
  const auto request = find_request(requests_of(database, trial.id), trial.name, wanted);
  Trace trace{trial.name, request.request, request.key, {}, read_samples(database, request.stage), ""};
  if (trace.samples.empty())
    throw Error(ExitCode::run_failed, fmt::format("trace: {} has no samples of {} yet", trial.name, request.request));
  for (const auto& sample : trace.samples)
    if (static_cast<int64_t>(sample.commit_step_N.size()) != trace.length())
      throw Error(ExitCode::ledger, fmt::format("trace: stage samples-{}: sample {} has {} positions, the first has {}", request.key,
                                                sample.index, sample.commit_step_N.size(), trace.length()));
  trace.planes = read_planes(database, results, trial.id);
  int64_t length = 0;
  for (const auto& plane : trace.planes) length += plane.height * plane.width;
  if (length != trace.length()) {
    trace.planes = {{1, trace.length(), 0, false, 0}};
    trace.note = "the trial's tokens are not there to tell the layout: positions are shown in one row";
  }
  return trace;
}

Json to_json(const Trace& trace) {
  Json planes = Json::array(), rows = Json::array(), mean = Json::array();
  for (const auto& plane : trace.planes)
    planes.push_back({{"height", plane.height}, {"width", plane.width}, {"vocabulary", plane.vocabulary}, {"spatial", plane.spatial}});
  for (const auto& sample : trace.samples) rows.push_back({{"sample", sample.index}, {"commit_step", sample.commit_step_N}});
  for (const double step : trace.mean_step_N()) mean.push_back(std::isnan(step) ? Json() : Json(step));
  return {{"trial", trace.trial},         {"request", trace.request}, {"stage", "samples-" + trace.stage},
          {"layout", std::move(planes)},  {"steps", trace.steps()},   {"tokens_per_step", trace.tokens_per_step()},
          {"mean_step", std::move(mean)}, {"rows", std::move(rows)},  {"note", trace.note}};
}

}  // namespace tessera
