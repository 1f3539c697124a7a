// Stage folders: results/stages/<kind>-<key>/{stage.json, runs/<n>/{journal.jsonl, log.txt, alive, checkpoints/, out/}}.
//
// Invariants
//  1 runs/<n> appears by a rename of a prepared folder whose `alive` is locked already: there is no moment at which a live run
//    looks dead. The flock is held by its process for life and goes with it.
//  2 Run n+1 begins only when run n is over: its journal has an end line, or its `alive` is unlocked. On a network file system a lock of
//    another machine may not be seen: there its `alive` is old as well, which its process touches every 20 seconds.
//  3 Outputs stay in runs/<n>/out. stage.json alone means done; it is linked into place, so the first one wins.
//  4 A lease saves work; correctness never depends on it: two hosts in one stage produce two runs and one stage.json.
//
//   none --try_lease--> leased --publish--> published --(gc removes outputs)--> hollow --try_lease, publish--> published
//                         |  process dies or writes its end line
//                         +--> over --try_lease--> leased (n + 1, from the latest checkpoint)
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/files.hpp"
#include "core/json.hpp"

namespace tessera {

inline constexpr int64_t kStageFormat = 1;

// The right to compute a stage. Held until destroyed, or until the process ends.
class Lease {
 public:
  int64_t n() const { return n_; }
  const std::filesystem::path& folder() const { return folder_; }  // runs/<n>
  std::filesystem::path out() const { return folder_ / "out"; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path journal() const { return folder_ / "journal.jsonl"; }
  std::filesystem::path log() const { return folder_ / "log.txt"; }
  // Syncs out/ and links `stage` into place as stage.json, adding "format" and "run". False: another run was first and its
  // outputs are there. A hollow stage.json is replaced.
  bool publish(Json stage) const;

 private:
  friend class StageFolder;
  Lease(int64_t n, std::filesystem::path folder, Descriptor alive);

  int64_t n_;
  std::filesystem::path folder_;
  Descriptor alive_;
  std::shared_ptr<void> beat_;  // touches `alive` until it goes
};

// Who wrote `alive`, if anybody: is it there still?
enum class Holder {
  alive,
  silent,  // of another machine, and not heard of for two minutes: taken to be dead, which is not certain
  gone,
};
// `network`: whether locks of other machines may be out of sight.
Holder holder_of(const std::filesystem::path& alive, bool network);
bool on_network_file_system(const std::filesystem::path& path);

struct Run {
  int64_t n = 0;
  std::filesystem::path folder;
  bool alive = false;  // a process holds it
  bool ended = false;  // its journal has an end line
  std::string state;   // how, by that line: done, failed, interrupted, pruned

  // Over without a word: killed, or crashed.
  bool died() const { return !ended && !alive; }
};

struct Checkpoint {
  int64_t run = 0, step = 0;
  std::filesystem::path file;
};

class StageFolder {
 public:
  StageFolder(const std::filesystem::path& results, std::string kind, std::string key);

  const std::filesystem::path& path() const { return path_; }
  const std::string& kind() const { return kind_; }
  const std::string& key() const { return key_; }
  // stage.json, if there is one. Throws Error(run_failed) where it cannot be read or is of another format.
  std::optional<Json> published() const;
  // Published, and at least one of its outputs is missing or of another size.
  bool hollow() const;
  // A published output. Throws Error(run_failed) where the stage is not published or names no such output.
  std::filesystem::path output(const std::string& name) const;
  // Empty: another process computes this stage. Makes the folders. Does not ask whether the stage is published.
  std::optional<Lease> try_lease() const;
  std::vector<Run> runs() const;  // ascending n
  // Of the most steps, among runs below n; of equal steps the one of the highest run.
  std::optional<Checkpoint> latest_checkpoint(int64_t below_n) const;

 private:
  std::filesystem::path path_;
  std::string kind_, key_;
};

// checkpoints/<step, nine digits>.safetensors
std::string checkpoint_name(int64_t step);
// Names of outputs whose hashes differ between two stage.json (or that only one of them has).
std::vector<std::string> differing_outputs(const Json& stage, const Json& other);
// "outputs" of a stage.json: name -> {sha256, bytes} of every file in the folder.
Json describe_outputs(const std::filesystem::path& out);

}  // namespace tessera
