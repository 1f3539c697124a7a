// The program of the double: as tessera-host, but its stages take 20 ms and write one small file that depends on the key alone. With
// prior.behaviour = "measured" they also journal what real ones do, checkpoint, and go on from the last checkpoint. With "train" a prior
// takes 50 ms a step, and stops where it is told to.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "core/subprocess.hpp"
#include "fake_engine.hpp"

namespace tessera {
namespace {

std::atomic<bool> stop{false}, pruned{false};

std::string behaviour_of(const Json& spec) {
  const auto& settings = spec.at("settings");
  const auto kind = spec.at("kind").get<std::string>();
  if (kind == "tokenizer") return settings.at("tokenizer").at("encoder").at("behaviour");
  if (kind == "prior") return settings.at("prior").at("behaviour");
  if (kind == "samples") return settings.at("sampling").at("behaviour");
  return "ok";
}

// Depends on the stage and the step alone, so that a resumed run writes what an uninterrupted one would have.
double measured_value(const std::string& key, int64_t step, int64_t metric) {
  return static_cast<double>(key[static_cast<size_t>(step) % key.size()]) / 7 + static_cast<double>(metric) +
         1.0 / static_cast<double>(step + 1);
}

void sleep_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

Json input_hashes(const Json& spec) {
  Json inputs = Json::object();
  for (const auto& [slot, key] : spec.at("inputs").items()) {
    const auto published = StageFolder(spec.at("results").get<std::string>(), slot, key).published();
    if (!published) throw Error(ExitCode::run_failed, fmt::format("input {} is not published", slot));
    Json outputs = Json::object();
    for (const auto& [file, facts] : published->at("outputs").items()) outputs[file] = facts.at("sha256");
    inputs[slot] = {{"key", key}, {"outputs", outputs}};
  }
  return inputs;
}

// Training stages journal 40 steps of two scalars with a checkpoint every 8; the others a score each of 40 samples, and samples.
void measure(const Json& spec, const Lease& lease, JournalWriter& journal, int64_t from_step) {
  const auto key = spec.at("key").get<std::string>(), kind = spec.at("kind").get<std::string>();
  const bool trains = kind == "tokenizer" || kind == "prior";
  for (const char* name : {"loss", "gradient_norm"})
    journal.write({{"t", "metric"},
                   {"name", name},
                   {"axis", trains ? "step" : "sample"},
                   {"goal", "none"},
                   {"unit", ""},
                   {"timing", false},
                   {"definition", "Of the double."},
                   {"revision", 1}});
  for (int64_t step = from_step + 1; step <= 40 && !stop; ++step) {
    if (trains) {
      journal.write(
          {{"t", "step"}, {"s", step}, {"v", {{"loss", measured_value(key, step, 0)}, {"gradient_norm", measured_value(key, step, 1)}}}});
    } else {
      for (int64_t metric : {0, 1})
        journal.write(
            {{"t", "points"}, {"m", metric == 0 ? "loss" : "gradient_norm"}, {"i", {step}}, {"v", {measured_value(key, step, metric)}}});
      if (kind == "samples")
        journal.write(
            {{"t", "sample"}, {"i", step}, {"noise_seed", 1}, {"label", -1}, {"ids", {step, 1}}, {"commit", {0, 1}}, {"logp", -1.5}});
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    if (!trains || step % 8 != 0) continue;
    journal.sync();
    std::filesystem::create_directories(lease.checkpoints());
    write_file_atomically(lease.checkpoints() / checkpoint_name(step), key);
    journal.write({{"t", "checkpoint"}, {"s", step}, {"file", "checkpoints/" + checkpoint_name(step)}});
  }
}

// False: told to stop. One number is carried from step to step, so that a lost or doubled one changes the rest.
bool train(const Json& spec, const Lease& lease, int64_t from, int64_t number, JournalWriter& journal) {
  const auto& options = spec.at("settings").at("prior").at("train");
  const int64_t steps = options.at("steps"), every = options.at("checkpoint_every");
  std::filesystem::create_directories(lease.checkpoints());
  const auto save = [&](int64_t step) {
    write_file_atomically(lease.checkpoints() / checkpoint_name(step), std::to_string(number));
    journal.write({{"t", "checkpoint"}, {"s", step}, {"file", checkpoint_name(step)}});
  };
  journal.write({{"t", "metric"}, {"name", "loss"}, {"axis", "step"}, {"goal", "min"}, {"unit", ""}, {"timing", false}, {"revision", 1}});
  for (int64_t step = from + 1; step <= steps; ++step) {
    if (stop) return save(step - 1), false;
    sleep_ms(50);
    number = (number * 31 + step) % 1009;
    journal.write({{"t", "step"}, {"s", step}, {"v", {{"loss", number}}}});
    if (step % every == 0) save(step);
  }
  return true;
}

ExitCode work() {
  struct sigaction action {};
  action.sa_handler = [](int number) {
    if (number == SIGUSR2) pruned = true;
    stop = true;
  };
  for (int number : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) sigaction(number, &action, nullptr);
  const auto spec = parse_json(std::string{std::istreambuf_iterator<char>(std::cin), {}}, "spec");
  const StageFolder folder(spec.at("results").get<std::string>(), spec.at("kind"), spec.at("key"));
  if (folder.published() && !folder.hollow()) return ExitCode::ok;
  const auto lease = folder.try_lease();
  if (!lease) return ExitCode::busy;
  if (folder.published()) return ExitCode::ok;  // between the question and the lease
  const bool measured = spec.at("settings").at("prior").at("behaviour") == "measured";
  const auto checkpoint = folder.latest_checkpoint(lease->n());
  const int64_t from_step = checkpoint ? checkpoint->step : 0;
  const auto uuid = make_uuid();
  const auto results = std::filesystem::path(spec.at("results").get<std::string>());
  std::filesystem::create_directories(results / "live");
  write_file_atomically(results / "live" / uuid, std::filesystem::relative(lease->journal(), results).string());
  JournalWriter journal(lease->journal(), {{"what", "run"},
                                           {"uuid", uuid},
                                           {"stage", spec.at("key")},
                                           {"kind", spec.at("kind")},
                                           {"n", lease->n()},
                                           {"from_step", from_step},
                                           {"parts", spec.at("parts")},
                                           {"inputs", spec.at("inputs")},
                                           {"plugins", Json::object()},
                                           {"env", Json::object()},
                                           {"seed", spec.at("seed")},
                                           {"time", 0.0}});
  const auto end = [&](const char* state, const std::string& error, ExitCode code) {
    journal.write({{"t", "end"},
                   {"state", state},
                   {"error", error},
                   {"exit", static_cast<int>(code)},
                   {"time", 0.0},
                   {"seconds", 0.0},
                   {"cpu_seconds", 0.0}});
    return code;
  };
  const auto behaviour = behaviour_of(spec);
  std::cout << to_line({{"step", 1}, {"steps", 2}, {"rate", 50.0}, {"metrics", {{"loss", 0.5}}}}) << std::endl;
  TESSERA_FAULT_POINT("fake_host.computing");
  if (behaviour == "crash") std::abort();
  if (behaviour == "silent") return ExitCode::ok;
  if (behaviour == "fail" || behaviour == "bad_plugin")
    return end("failed", "the loss is NaN at step 1", behaviour == "fail" ? ExitCode::run_failed : ExitCode::bad_plugin);
  if (behaviour == "train" &&
      !train(spec, *lease, from_step, checkpoint ? std::stoll(read_file(checkpoint->file)) : spec.at("seed").get<int64_t>(), journal))
    return end("interrupted", "", ExitCode::interrupted);
  if (measured)
    measure(spec, *lease, journal, from_step);
  else
    sleep_ms(behaviour == "slow" ? 400 : 20);
  while (behaviour == "deaf") sleep_ms(50);
  while (behaviour == "endless" && !stop) sleep_ms(5);
  // Told to stop it works on for a second and a half, and says so.
  for (int step = 0; behaviour == "lingering" && step < 15; step += stop) {
    std::cout << to_line({{"step", step}, {"steps", 15}, {"rate", 10.0}, {"metrics", Json::object()}}) << std::endl;
    sleep_ms(100);
  }
  // A training whose loss falls to 1000 times its learning rate.
  for (int step = 1; behaviour == "curve" && step <= 10 && !stop; ++step) {
    const double loss = 1000 * spec.at("settings").at("prior").at("train").at("lr").get<double>() + 1.0 / step;
    journal.write({{"t", "step"}, {"s", step}, {"v", {{"validation_loss", loss}}}});
    std::cout << to_line({{"step", step}, {"steps", 10}, {"rate", 50.0}, {"metrics", {{"validation_loss", loss}}}}) << std::endl;
    sleep_ms(20);
  }
  if (behaviour == "greedy") {  // 256 MiB, touched
    try {
      std::vector<char> much(size_t{256} << 20, 1);
      [[maybe_unused]] const volatile char read = much[static_cast<size_t>(::getpid())];
    } catch (const std::bad_alloc& error) {
      return end("failed", error.what(), ExitCode::run_failed);
    }
  }
  if (behaviour == "flaky" && lease->n() == 1) return end("failed", "the node went away", ExitCode::run_failed);
  if (stop) return end(pruned ? "pruned" : "interrupted", "", ExitCode::interrupted);
  std::filesystem::create_directories(lease->out());
  write_file_atomically(lease->out() / "result.txt", spec.at("key").get<std::string>());
  const auto outputs = describe_outputs(lease->out());
  const auto inputs = input_hashes(spec);
  const char* threads = std::getenv("OMP_NUM_THREADS");
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  const char* gpu = std::getenv("CUDA_VISIBLE_DEVICES");
  lease->publish({{"kind", spec.at("kind")},
                  {"key", spec.at("key")},
                  {"parts", spec.at("parts")},
                  {"inputs", inputs},
                  {"outputs", outputs},
                  {"plugins", Json::object()},
                  {"env", {{"threads", threads ? threads : ""}, {"policy", policy ? policy : ""}, {"gpu", gpu ? gpu : ""}}}});
  journal.write({{"t", "publish"}, {"outputs", outputs}, {"inputs", inputs}});
  return end("done", "", ExitCode::ok);
}

ExitCode check() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = parse_json(line, "request");
    std::cout << to_line({{"type", "begin"}, {"id", request.at("id")}}) << std::endl;
    auto answer = fake_answer(request);
    answer["type"] = "answer";
    answer["id"] = request.at("id");
    std::cout << to_line(answer) << std::endl;
  }
  return ExitCode::ok;
}

// A library of the double is any file whose name is that of a fake plugin.
ExitCode probe(const std::vector<std::string>& files) {
  for (const auto& file : files) {
    std::cout << to_line({{"type", "begin"}, {"file", file}}) << std::endl;
    Json line = {{"type", "refused"}, {"file", file}, {"reason", "it is no fake plugin"}};
    for (auto plugin : fake_plugins()) {
      if (plugin.value("id", "") != std::filesystem::path(file).stem()) continue;
      plugin["file"] = file;
      plugin["sha256"] = sha256_file(file);
      line = plugin;
    }
    std::cout << to_line(line) << std::endl;
  }
  return ExitCode::ok;
}

ExitCode dispatch(const std::string& mode, const std::vector<std::string>& rest) {
  if (mode == "work") return work();
  if (mode == "--probe") return probe(rest);
  if (mode == "--check") return check();
  if (mode == "--fault-points")
    for (const auto& point : fault_points()) std::cout << point << "\n";
  if (mode == "--plugins")  // for tests that make a folder of them
    for (const auto& plugin : fake_plugins())
      if (plugin.at("type") == "plugin")
        std::cout << plugin.at("kind").get<std::string>() << " " << plugin.at("id").get<std::string>() << "\n";
  if (mode == "--engine") std::cout << to_line(fake_engine_manifest()) << std::endl;
  return ExitCode::ok;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  tessera::die_with_parent();
  try {
    return static_cast<int>(tessera::dispatch(argc > 1 ? argv[1] : "", {argv + std::min(argc, 2), argv + argc}));
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
