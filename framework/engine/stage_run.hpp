// One attempt at one stage: its spec, its lease, its journal, what it read and what it wrote.
//
// Invariants
//  1. Every output is written below runs/<n>/out/ and is synced before stage.json names it.
//  2. Every input is read through input(), which compares its SHA-256 with what its stage published; the hash enters stage.json.
//  3. The journal has a begin line before anything is computed and an end line however the attempt ends, a kill apart.
#pragma once
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/journal.hpp"
#include "core/json.hpp"
#include "core/stage_folder.hpp"
#include "metrics/metric.hpp"

namespace tessera {

// Set by the host's signal handlers: 1 = checkpoint and leave, 2 = leave at once.
int cancel_requested();
void request_cancel();

// Thrown where a stage stops for a signal, after its checkpoint: exit 75.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

class StageRun {
 public:
  // Writes the begin line. `environment`: device, libraries, CPU, threads.
  StageRun(Json spec, StageFolder folder, Lease lease, int64_t from_step, Json environment);

  const Json& spec() const { return spec_; }
  const std::string& kind() const { return kind_; }
  uint64_t seed() const { return seed_; }
  // Where networks compute: spec.numerics.device.
  at::Device device() const;
  // Of networks in training: spec.numerics.precision.
  const std::string& precision() const { return precision_; }
  const StageFolder& folder() const { return folder_; }
  const Lease& lease() const { return lease_; }
  JournalWriter& journal() { return journal_; }

  // The file of an input stage, verified. Throws Error(run_failed) naming slot, file and both hashes.
  std::filesystem::path input(const std::string& slot, const std::string& file);
  // Where an output of this name goes; publish() hashes all that exist.
  std::filesystem::path output(const std::string& name);

  // A plugin's own scalar: joins the next step's line as "plugin.<name>".
  void plugin_metric(const std::string& name, double value) { pending_["plugin." + name] = value; }
  // All scalars of one step in one line; names are declared on first use.
  void step(int64_t step, const std::map<std::string, double>& values);
  // What an evaluation found, as step 0 (one number) or as points (one a sample).
  void scores(const std::string& subject, const std::vector<Score>& scores, const std::string& prefix = "");
  void sample(const Json& line);
  void event(const std::string& level, const std::string& text);
  // A line on stdout for the front, at most five a second.
  void progress(int64_t step, int64_t steps, const std::map<std::string, double>& values, bool always = false);
  // Between two pieces of work of which no step is told: tells the front that it goes on. Throws Interrupted once a signal has come.
  void beat();
  // Throws Interrupted once a signal has come.
  void check_cancelled() const;

  // Syncs outputs and journal, links stage.json, writes the end line. False: another run was first.
  bool publish();
  void end(const std::string& state, const std::string& error, int exit_code);

 private:
  void declare(const std::string& name, const MetricDeclaration& declaration);

  Json spec_;
  std::string kind_;
  uint64_t seed_;
  std::string precision_;
  StageFolder folder_;
  Lease lease_;
  JournalWriter journal_;
  Json inputs_ = Json::object();
  std::set<std::string> declared_;
  std::map<std::string, double> pending_;
  std::chrono::steady_clock::time_point started_, last_progress_;
  double before_;  // seconds from the start of the process to `started_`
  int64_t first_step_;
};

// Around long work of the engine's own: tells the front every second that it goes on. Never around a plugin's: one that hangs
// is to be found out.
class AtWork {
 public:
  AtWork();

 private:
  std::jthread thread_;
};

}  // namespace tessera
