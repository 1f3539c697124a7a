// The front's own journal: which experiment, cells, stages and trials it knew. results/fronts/<uuid>.jsonl, announced in
// results/live/ before it exists, so that a recorder pass finds it. Beside it, while the front lives, <uuid>.status.json: what it does
// just now. That is no fact and is lost with it.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/journal.hpp"
#include "experiment/plan/plan.hpp"

namespace tessera {

class FrontJournal {
 public:
  FrontJournal(const std::filesystem::path& results, const std::vector<std::string>& argv);
  // Its cells become the experiment's current ones; or, with `adds`, join those that are there.
  void write_plan(const Plan& plan, bool adds = false);
  // A tag or note: {"t":"tag",…}.
  void write(Json line) { writer_->write(std::move(line)); }
  // Why an attempt failed, as the front judged it: a host that was killed cannot say it. `log` is that of its run, empty where none began.
  void write_verdict(const std::string& stage, const std::string& reason, const std::filesystem::path& log);
  // {"experiment", "total", "outcomes", "stages": …}, replaced as a whole. A disk that is full leaves the old one.
  void write_status(const Json& status) const;
  void end(const std::string& state, int exit_code);
  const std::string& uuid() const { return uuid_; }

 private:
  std::filesystem::path results_;
  std::string uuid_;
  double began_;
  std::unique_ptr<JournalWriter> writer_;
};

struct LiveFront {
  std::string uuid, host;  // host: as machine_name()
  int64_t pid = 0;
  double started = 0;             // seconds since 1970
  std::vector<std::string> argv;  // behind "tessera"
  Json status;                    // null where it has written none yet
};

// Fronts whose process lives, by their journals' locks; oldest first.
std::vector<LiveFront> live_fronts(const std::filesystem::path& results);

}  // namespace tessera
