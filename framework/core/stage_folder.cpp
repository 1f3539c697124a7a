#include "core/stage_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <set>
#include <thread>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/hash.hpp"
#include "core/journal.hpp"
#include "core/machine.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

// "12" -> 12; -1 for anything else.
int64_t number_of(const std::string& name) {
  int64_t number = -1;
  auto end = std::from_chars(name.data(), name.data() + name.size(), number);
  return end.ec == std::errc() && end.ptr == name.data() + name.size() && number >= 0 ? number : -1;
}

// Names in a folder; none where it does not exist (it may vanish at any moment).
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator item(folder, error), end; !error && item != end; item.increment(error))
    names.push_back(item->path().filename().string());
  return names;
}

constexpr auto kBeat = std::chrono::seconds(20);
constexpr time_t kSilence = 120;  // six beats: clocks of machines may differ, and a file server may pause

// Gives the file the file server's time, again and again.
class Beat {
 public:
  explicit Beat(int file) {
    // Signals are for the threads that know what to do with them.
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    thread_ = std::jthread([file](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any woken;
      std::unique_lock lock(mutex);
      while (!woken.wait_for(lock, stop, kBeat, [] { return false; }) && !stop.stop_requested()) ::futimens(file, nullptr);
    });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

 private:
  std::jthread thread_;
};

bool held(const fs::path& alive) { return holder_of(alive, on_network_file_system(alive)) == Holder::alive; }

Json read_stage_json(const fs::path& path) {
  const auto refuse = [&](const std::string& found) {
    return Error(ExitCode::run_failed, fmt::format("{}: found {}, expected what a finished run wrote; remove {} to compute it again",
                                                   path.string(), found, path.parent_path().string()));
  };
  auto stage = try_parse_json(read_file(path));
  if (!stage) throw refuse("no JSON: the file is damaged");
  if (!stage->is_object() || stage->value("format", Json()) != kStageFormat || !stage->contains("run") ||
      !stage->at("run").is_number_integer())
    throw refuse(fmt::format("no stage of format {}", kStageFormat));
  return std::move(*stage);
}

Json outputs_of(const Json& stage) {
  auto found = stage.find("outputs");
  return found != stage.end() && found->is_object() ? *found : Json::object();
}

bool is_hollow(const fs::path& folder, const Json& stage) {
  auto out = folder / "runs" / std::to_string(stage.at("run").get<int64_t>()) / "out";
  Json outputs = outputs_of(stage);
  for (auto item = outputs.begin(); item != outputs.end(); ++item) {
    std::error_code error;
    auto size = fs::file_size(out / item.key(), error);
    if (error || item.value().value("bytes", Json()) != size) return true;
  }
  return false;
}

// Folders that a killed process prepared and never renamed. An hour is far beyond the moment between making and locking one.
void remove_abandoned(const fs::path& runs) {
  for (const auto& name : names_in(runs)) {
    std::error_code error;
    auto age = fs::file_time_type::clock::now() - fs::last_write_time(runs / name, error);
    if (name[0] == '.' && !error && age > std::chrono::hours(1) && !held(runs / name / "alive")) fs::remove_all(runs / name, error);
  }
}

}  // namespace

StageFolder::StageFolder(const fs::path& results, std::string kind, std::string key)
    : path_(results / "stages" / (kind + "-" + key)), kind_(std::move(kind)), key_(std::move(key)) {}

std::optional<Json> StageFolder::published() const {
  if (!fs::exists(path_ / "stage.json")) return std::nullopt;
  return read_stage_json(path_ / "stage.json");
}

bool StageFolder::hollow() const {
  auto stage = published();
  return stage && is_hollow(path_, *stage);
}

fs::path StageFolder::output(const std::string& name) const {
  auto stage = published();
  if (!stage) throw Error(ExitCode::run_failed, "stage " + kind_ + "-" + key_ + " is not published");
  if (!outputs_of(*stage).contains(name)) throw Error(ExitCode::run_failed, "stage " + kind_ + "-" + key_ + " has no output " + name);
  return path_ / "runs" / std::to_string(stage->at("run").get<int64_t>()) / "out" / name;
}

std::vector<Run> StageFolder::runs() const {
  std::vector<Run> runs;
  for (const auto& name : names_in(path_ / "runs")) {
    int64_t n = number_of(name);
    if (n < 1) continue;
    auto folder = path_ / "runs" / name;
    auto last = last_journal_line(folder / "journal.jsonl");
    const bool ended = last && last->is_object() && last->value("t", Json()) == "end";
    runs.push_back({n, folder, held(folder / "alive"), ended,
                    ended && last->value("state", Json()).is_string() ? last->at("state").get<std::string>() : ""});
  }
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.n < b.n; });
  return runs;
}

std::optional<Lease> StageFolder::try_lease() const {
  auto folder = path_ / "runs";
  fs::create_directories(folder);
  auto before = runs();
  if (!before.empty() && before.back().alive && !before.back().ended) return std::nullopt;
  remove_abandoned(folder);

  // Invariant 1: prepared and locked under a name that nobody looks at.
  auto prepared = folder / ("." + make_uuid());
  fs::create_directories(prepared / "out");
  fs::create_directories(prepared / "checkpoints");
  Descriptor alive(::open((prepared / "alive").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!alive) throw_system_error("create " + (prepared / "alive").string(), errno);
  if (::flock(alive.get(), LOCK_EX | LOCK_NB) != 0) throw_system_error("lock " + (prepared / "alive").string(), errno);
  write_fully(alive.get(), machine_name() + "\n", prepared / "alive");
  TESSERA_FAULT_POINT("lease.prepared");

  // A folder that exists is never empty (it holds `alive`), so the rename fails if another took the number.
  int64_t n = before.empty() ? 1 : before.back().n + 1;
  auto target = folder / std::to_string(n);
  if (::rename(prepared.c_str(), target.c_str()) != 0) {
    int error = errno;
    fs::remove_all(prepared);
    if (error == EEXIST || error == ENOTEMPTY) return std::nullopt;
    throw_system_error("rename to " + target.string(), error);
  }
  fsync_folder(folder);
  TESSERA_FAULT_POINT("lease.taken");
  return Lease(n, target, std::move(alive));
}

std::optional<Checkpoint> StageFolder::latest_checkpoint(int64_t below_n) const {
  std::optional<Checkpoint> latest;
  for (const auto& run : runs()) {
    if (run.n >= below_n) continue;
    for (const auto& name : names_in(run.folder / "checkpoints")) {
      fs::path file = run.folder / "checkpoints" / name;
      int64_t step = file.extension() == ".safetensors" ? number_of(file.stem().string()) : -1;
      if (step >= 0 && (!latest || step >= latest->step)) latest = Checkpoint{run.n, step, file};
    }
  }
  return latest;
}

Lease::Lease(int64_t n, fs::path folder, Descriptor alive)
    : n_(n), folder_(std::move(folder)), alive_(std::move(alive)), beat_(std::make_shared<Beat>(alive_.get())) {}

// Asks with a shared lock, so that two who ask at once do not take each other for the owner.
Holder holder_of(const fs::path& alive, bool network) {
  Descriptor file(::open(alive.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Holder::gone;
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) return Holder::alive;
  if (!network) return Holder::gone;
  char text[256] = {};
  const ssize_t size = ::pread(file.get(), text, sizeof text - 1, 0);
  const std::string machine(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  if (machine.empty() || machine == machine_name() + "\n") return Holder::gone;
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return Holder::gone;
  const time_t age = ::time(nullptr) - about.st_mtim.tv_sec;
  constexpr time_t kNobodyReturns = 3600;
  return age < kSilence ? Holder::alive : age < kNobodyReturns ? Holder::silent : Holder::gone;
}

bool on_network_file_system(const fs::path& path) {
  struct statfs about {};
  if (::statfs(path.c_str(), &about) != 0) return false;
  static const std::set<uint32_t> network = {0x6969 /* NFS */,        0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */,
                                             0x0bd00bd0 /* Lustre */, 0x00c36400 /* Ceph */, 0x47504653 /* GPFS */,
                                             0x01021997 /* 9P */,     0x65735546 /* FUSE */, 0x19830326 /* BeeGFS */};
  return network.count(static_cast<uint32_t>(about.f_type)) != 0;
}

bool Lease::publish(Json stage) const {
  stage["format"] = kStageFormat;
  stage["run"] = n_;
  for (const auto& name : names_in(out())) fsync_file(out() / name);
  fsync_folder(out());
  TESSERA_FAULT_POINT("publish.outputs_synced");

  auto root = folder_.parent_path().parent_path();
  auto target = root / "stage.json";
  auto prepared = temporary_beside(target);
  write_file_atomically(prepared, to_line(stage) + "\n");
  TESSERA_FAULT_POINT("publish.before_link");
  bool won = ::link(prepared.c_str(), target.c_str()) == 0;
  if (!won && errno != EEXIST) {
    int error = errno;
    ::unlink(prepared.c_str());
    throw_system_error("link " + target.string(), error);
  }
  if (!won && is_hollow(root, read_stage_json(target))) {
    if (::rename(prepared.c_str(), target.c_str()) != 0) throw_system_error("replace " + target.string(), errno);
    won = true;
  } else {
    ::unlink(prepared.c_str());
  }
  fsync_folder(root);
  if (won) TESSERA_FAULT_POINT("publish.linked");
  return won;
}

std::string checkpoint_name(int64_t step) {
  auto digits = std::to_string(step);
  return std::string(digits.size() < 9 ? 9 - digits.size() : 0, '0') + digits + ".safetensors";
}

std::vector<std::string> differing_outputs(const Json& stage, const Json& other) {
  Json a = outputs_of(stage), b = outputs_of(other);
  std::set<std::string> names;
  auto hash_in = [](const Json& outputs, const std::string& name) {
    auto found = outputs.find(name);
    return found == outputs.end() ? Json() : found->value("sha256", Json());
  };
  for (const auto& outputs : {a, b})
    for (auto item = outputs.begin(); item != outputs.end(); ++item)
      if (hash_in(a, item.key()) != hash_in(b, item.key())) names.insert(item.key());
  return {names.begin(), names.end()};
}

Json describe_outputs(const fs::path& out) {
  Json outputs = Json::object();
  for (const auto& name : names_in(out))
    if (name[0] != '.') outputs[name] = {{"sha256", sha256_file(out / name)}, {"bytes", fs::file_size(out / name)}};
  return outputs;
}

}  // namespace tessera
