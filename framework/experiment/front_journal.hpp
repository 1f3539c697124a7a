// The front's own journal: which experiment, cells, stages and trials it knew. results/fronts/<uuid>.jsonl, announced in
// results/live/ before it exists, so that a recorder pass finds it.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/journal.hpp"
#include "experiment/plan.hpp"

namespace tessera {

class FrontJournal {
 public:
  FrontJournal(const std::filesystem::path& results, const std::vector<std::string>& argv);
  // Its cells become the experiment's current ones; or, with `adds`, join those that are there.
  void write_plan(const Plan& plan, bool adds = false);
  // A tag or note: {"t":"tag",…}.
  void write(Json line) { writer_->write(std::move(line)); }
  void end(const std::string& state, int exit_code);
  const std::string& uuid() const { return uuid_; }

 private:
  std::string uuid_;
  double began_;
  std::unique_ptr<JournalWriter> writer_;
};

}  // namespace tessera
