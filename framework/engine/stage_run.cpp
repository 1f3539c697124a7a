#include "engine/stage_run.hpp"

#include <fmt/format.h>

#include <sys/resource.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <utility>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/machine.hpp"

namespace tessera {

namespace {

std::atomic<int> cancel_count{0};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Json begin_line(const Json& spec, const Lease& lease, int64_t from_step, const Json& environment) {
  return Json{{"t", "begin"},
              {"format", 1},
              {"what", "run"},
              {"uuid", make_uuid()},
              {"stage", spec.at("key")},
              {"kind", spec.at("kind")},
              {"n", lease.n()},
              {"from_step", from_step},
              {"parts", spec.value("parts", Json::object())},
              {"inputs", spec.value("inputs", Json::object())},
              {"plugins", spec.value("plugins", Json::object())},
              {"env", environment},
              {"seed", spec.value("seed", 0)},
              {"time", epoch_seconds()}};
}

// results/live/<uuid> names the journal before the journal exists, so that no recorder pass misses it.
Json announced(Json begin, const Json& spec, const Lease& lease) {
  const std::filesystem::path results = spec.at("results").get<std::string>();
  std::filesystem::create_directories(results / "live");
  write_file_atomically(results / "live" / begin.at("uuid").get<std::string>(), lease.journal().lexically_relative(results).string());
  return begin;
}

}  // namespace

int cancel_requested() { return cancel_count.load(std::memory_order_relaxed); }
void request_cancel() { cancel_count.fetch_add(1, std::memory_order_relaxed); }

StageRun::StageRun(Json spec, StageFolder folder, Lease lease, int64_t from_step, Json environment)
    : spec_(std::move(spec)), kind_(spec_.at("kind")), seed_(spec_.value("seed", uint64_t{0})),
      precision_(spec_.value("numerics", Json::object()).value("precision", std::string("fp32"))), folder_(std::move(folder)),
      lease_(std::move(lease)), journal_(lease_.journal(), announced(begin_line(spec_, lease_, from_step, environment), spec_, lease_)),
      started_(std::chrono::steady_clock::now()), last_progress_(started_), before_(process_age()), first_step_(from_step) {
  std::filesystem::create_directories(lease_.out());
  std::filesystem::create_directories(lease_.checkpoints());
  TESSERA_FAULT_POINT("run.begun");
}

at::Device StageRun::device() const { return at::Device(spec_.value("numerics", Json::object()).value("device", std::string("cpu"))); }

std::filesystem::path StageRun::input(const std::string& slot, const std::string& file) {
  std::string key = spec_.at("inputs").at(slot);
  StageFolder stage(spec_.at("results").get<std::string>(), slot, key);
  auto path = stage.output(file);
  std::string expected = stage.published()->at("outputs").at(file).at("sha256"), found = sha256_file(path);
  if (found != expected)
    throw Error(ExitCode::run_failed,
                fmt::format("input {}: {}: found SHA-256 {}, expected {} as its stage published it; remove {} to compute it again", slot,
                            path.string(), found, expected, stage.path().string()));
  inputs_[slot]["key"] = key;
  inputs_[slot]["outputs"][file] = found;
  return path;
}

std::filesystem::path StageRun::output(const std::string& name) { return lease_.out() / name; }

void StageRun::declare(const std::string& name, const MetricDeclaration& d) {
  if (!declared_.insert(name).second) return;
  journal_.write({{"t", "metric"},
                  {"name", name},
                  {"axis", d.axis},
                  {"goal", d.goal},
                  {"unit", d.unit},
                  {"timing", d.timing},
                  {"definition", d.definition},
                  {"revision", d.revision}});
}

void StageRun::step(int64_t step, const std::map<std::string, double>& values) {
  // Written at every step of a training: nothing is made that is not needed.
  Json scalars = Json::object();
  auto add = [&](const std::string& name, double value) {
    if (!scalars.emplace(name, encode_number(value)).second) return;
    if (declared_.count(name)) return;
    MetricDeclaration scalar;
    scalar.axis = "step";
    scalar.goal = "none";
    scalar.definition = "scalar of a training step";
    declare(name, scalar);
  };
  for (const auto& [name, value] : pending_) add(name, value);
  pending_.clear();
  for (const auto& [name, value] : values) add(name, value);
  Json line{{"t", "step"}, {"s", step}};
  line["v"] = std::move(scalars);
  journal_.write(std::move(line));
  TESSERA_FAULT_POINT("run.step");
}

void StageRun::scores(const std::string& subject, const std::vector<Score>& scores, const std::string& prefix) {
  Json line{{"t", "step"}, {"s", 0}, {"v", Json::object()}};
  for (const auto& score : scores) {
    const auto& declaration = metric_declaration(subject, score.id);
    std::string name = prefix + score.id;
    declare(name, declaration);
    if (declaration.axis == "step") {
      line["v"][name] = encode_number(score.value);
      continue;
    }
    auto values = score.sample_M.contiguous();
    Json points{{"t", "points"}, {"m", name}, {"i", Json::array()}, {"v", Json::array()}};
    for (int64_t i = 0; i < values.numel(); ++i) {
      points["i"].push_back(i);
      points["v"].push_back(encode_number(values.data_ptr<double>()[i]));
    }
    journal_.write(points);
  }
  if (!line["v"].empty()) journal_.write(line);
  TESSERA_FAULT_POINT("run.scores");
}

void StageRun::sample(const Json& line) {
  Json whole = line;
  whole["t"] = "sample";
  journal_.write(whole);
}

void StageRun::event(const std::string& level, const std::string& text) {
  journal_.write({{"t", "event"}, {"level", level}, {"text", text}, {"time", epoch_seconds()}});
  std::ofstream(lease_.log(), std::ios::app) << level << ": " << text << "\n";
}

void StageRun::progress(int64_t step, int64_t steps, const std::map<std::string, double>& values, bool always) {
  auto now = std::chrono::steady_clock::now();
  if (!always && now - last_progress_ < std::chrono::milliseconds(200)) return;
  last_progress_ = now;
  double seconds = std::chrono::duration<double>(now - started_).count();
  Json line{{"step", step}, {"steps", steps}, {"rate", seconds > 0 ? static_cast<double>(step - first_step_) / seconds : 0.0}};
  line["metrics"] = Json::object();
  for (const auto& [name, value] : values) line["metrics"][name] = encode_number(value);
  std::fputs((to_line(line) + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void StageRun::beat() {
  progress(0, 0, {});
  check_cancelled();
}

void StageRun::check_cancelled() const {
  if (cancel_requested()) throw Interrupted();
}

bool StageRun::publish() {
  for (const auto& entry : std::filesystem::directory_iterator(lease_.out())) fsync_file(entry.path());
  Json outputs = describe_outputs(lease_.out());
  TESSERA_FAULT_POINT("run.outputs_synced");
  journal_.write({{"t", "publish"}, {"outputs", outputs}, {"inputs", inputs_}});
  journal_.sync();
  TESSERA_FAULT_POINT("run.publish_journaled");
  Json stage{{"kind", kind_},     {"key", spec_.at("key")}, {"parts", spec_.value("parts", Json::object())},
             {"inputs", inputs_}, {"outputs", outputs},     {"plugins", spec_.value("plugins", Json::object())}};
  bool won = lease_.publish(stage);
  if (!won) {
    for (const auto& name : differing_outputs(*folder_.published(), stage))
      event("warning", fmt::format("another run published first, with another {}", name));
  }
  TESSERA_FAULT_POINT("run.published");
  end("done", "", 0);
  return won;
}

void StageRun::end(const std::string& state, const std::string& error, int exit_code) {
  const double seconds = before_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  journal_.write({{"t", "end"},
                  {"state", state},
                  {"error", error},
                  {"exit", exit_code},
                  {"time", epoch_seconds()},
                  {"seconds", seconds},
                  {"cpu_seconds", cpu_seconds()}});
  journal_.sync();
}

AtWork::AtWork()
    : thread_([](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any woken;
        std::unique_lock lock(mutex);
        while (!woken.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; }) && !stop.stop_requested()) {
          std::fputs("{\"step\":0,\"steps\":0}\n", stdout);
          std::fflush(stdout);
        }
      }) {}

}  // namespace tessera
