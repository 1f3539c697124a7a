// tessera-host: the worker. The front starts one process a stage, so that a plugin that crashes costs one attempt, never the
// ledger.
//
//   tessera-host work               reads one stage spec from stdin, computes it, publishes it
//   tessera-host --check            reads settings, a line each, and says what they are or why they cannot be
//   tessera-host --probe FILE…      opens plugin libraries and prints their manifests
//   tessera-host --engine           prints what the engine itself declares
//   tessera-host --conformance FILE OPTIONS checks a plugin against the laws of its kind; OPTIONS: a JSON object, name -> value
//   tessera-host --fault-points     names of the points at which a test can kill it
#include <dlfcn.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "conformance/suite.hpp"
#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/option_schema.hpp"
#include "core/output_capture.hpp"
#include "core/subprocess.hpp"
#include "engine/check.hpp"
#include "engine/manifest.hpp"
#include "engine/stages.hpp"
#include "host/environment.hpp"
#include "host/loaded_plugins.hpp"
#include "registry/catalog/loader.hpp"

namespace tessera {
namespace {

// Before any CUDA question, since LibTorch remembers its answer; and only where there is a driver. Without the CUDA libraries
// the host carries on.
void load_cuda() {
  if (access("/dev/nvidiactl", F_OK) != 0) return;
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) fmt::print(stderr, "tessera-host: computing on the CPU: {}\n", dlerror());
}

// Leaves without running destructors: a plugin's objects may outlive what they point to.
[[noreturn]] void leave(ExitCode code) {
  std::cout.flush();
  std::fflush(nullptr);
  std::quick_exit(static_cast<int>(code));
}

std::atomic<bool> pruned{false};

// First signal: finish the step, write a checkpoint, exit 75. Second: at once. SIGUSR2 is the front's: others do better.
void on_signal(int number) {
  if (number == SIGUSR2) pruned = true;
  request_cancel();
  if (cancel_requested() > 1) _exit(static_cast<int>(ExitCode::interrupted));
}

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (int number : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a front that is gone must not cost a checkpoint
  // A local host dies with its front.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() == 1) request_cancel();
}

// " (plugins conv, vq)": which of them threw is not known.
std::string plugins_text(const Json& spec) {
  std::vector<std::string> ids;
  for (const char* kind : {"encoder", "quantizer", "prior", "sampling"})
    if (spec.at("plugins").contains(kind)) ids.push_back(spec["plugins"][kind].at("id"));
  return fmt::format(" (plugins {})", fmt::join(ids, ", "));
}

ExitCode compute(StageRun& run, LoadedPlugins& plugins) {
  std::string error;
  ExitCode code = ExitCode::run_failed;
  try {
    compute_stage(run, plugins);
    return ExitCode::ok;
  } catch (const Interrupted&) {
    run.end(pruned ? "pruned" : "interrupted", "", static_cast<int>(ExitCode::interrupted));
    return ExitCode::interrupted;
  } catch (const PluginRefusal& refused) {
    error = refused.key() + ": " + refused.what();
    code = ExitCode::bad_config;
  } catch (const Error& failed) {
    error = failed.what();
    code = failed.code();
  } catch (const c10::Error& failed) {
    error = failed.what_without_backtrace() + plugins_text(run.spec());
    run.event("error", failed.what());
  } catch (const std::exception& failed) {
    error = failed.what() + plugins_text(run.spec());
  } catch (...) {
    error = "a plugin threw something that is no std::exception" + plugins_text(run.spec());
    code = ExitCode::bad_plugin;
  }
  run.event("error", error);
  run.end("failed", error, static_cast<int>(code));
  fmt::print(stderr, "{}\n", error);
  return code;
}

// Activations come and go at every step: without this, glibc maps and unmaps them each time (4 to 5 % of a step).
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

ExitCode work() {
  install_signal_handlers();
  keep_freed_memory();
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  Json spec = parse_json(text, "stage spec on stdin");
  if (spec.contains("threads")) at::set_num_threads(spec.at("threads").get<int>());
  at::globalContext().setDeterministicAlgorithms(spec.value("numerics", Json::object()).value("deterministic", true), false);

  StageFolder folder(spec.at("results").get<std::string>(), spec.at("kind"), spec.at("key"));
  if (folder.published() && !folder.hollow()) return ExitCode::ok;
  auto lease = folder.try_lease();
  if (!lease) return ExitCode::busy;
  if (folder.published() && !folder.hollow()) return ExitCode::ok;  // published between the question and the lease
  auto checkpoint = folder.latest_checkpoint(lease->n());
  LoadedPlugins plugins(spec.at("settings"), spec.at("plugins"));
  StageRun run(spec, folder, std::move(*lease), checkpoint ? checkpoint->step : 0, describe_environment());
  plugins.attach(run);
  return compute(run, plugins);
}

ExitCode check() {
  for (std::string line; std::getline(std::cin, line);) {
    auto request = parse_json(line, "check request on stdin");
    std::cout << to_line({{"type", "begin"}, {"id", request.at("id")}}) << std::endl;
    LoadedPlugins plugins(request.at("settings"), request.at("plugins"));
    Json answer;
    auto refuse = [&](const std::string& text) { answer = {{"ok", false}, {"errors", {{{"key", ""}, {"text", text}}}}}; };
    OutputCapture capture;
    plugins.announce([&](const std::string& where) {
      capture.write_past(to_line({{"type", "at"}, {"id", request.at("id")}, {"where", where}}) + "\n");
    });
    try {
      answer = check_settings(request.at("settings"), plugins);
    } catch (...) {
      refuse("a plugin threw something that is no std::exception");
    }
    if (auto printed = capture.finish(); !printed.empty()) refuse("a plugin printed to standard output: " + shown(Json(printed)));
    answer["type"] = "answer";
    answer["id"] = request.at("id");
    std::cout << to_line(answer) << std::endl;
  }
  return ExitCode::ok;
}

ExitCode conformance(const std::string& file, const Json& options) {
  const auto& descriptor = load_plugin(file, "");
  std::string kind = descriptor.kind;
  auto laws = kind == "encoder"     ? encoder_laws()
              : kind == "quantizer" ? quantizer_laws()
              : kind == "prior"     ? prior_laws()
                                    : sampling_laws();
  Subject subject = default_subject(descriptor);
  subject.values = option_values(descriptor, options);
  subject = fitted(subject);
  // A line a law, as it is done: who waits sees where a plugin hangs.
  bool kept = true;
  for (const auto& law : laws) {
    const auto outcome = check_law(law, subject);
    kept = kept && outcome.state != Outcome::failed;
    const char* verdict = outcome.state == Outcome::held ? "held" : outcome.state == Outcome::failed ? "FAILED" : "not asked";
    auto text = outcome.text;
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::cout << to_line({{"law", law.id}, {"verdict", verdict}, {"what", law.what}, {"text", text}}) << std::endl;
  }
  std::cout << to_line({{"kept", kept}}) << std::endl;
  return kept ? ExitCode::ok : ExitCode::bad_plugin;
}

ExitCode dispatch(const std::vector<std::string>& arguments) {
  const std::string mode = arguments.empty() ? "" : arguments[0];
  std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (mode == "work") return work();
  die_with_parent();
  if (mode == "--check") return check();
  if (mode == "--probe") return run_probe({rest.begin(), rest.end()}, std::cout), ExitCode::ok;
  if (mode == "--engine") return std::cout << to_line(engine_manifest()) << "\n", ExitCode::ok;
  if (mode == "--conformance" && rest.size() == 2) return conformance(rest[0], parse_json(rest[1], "options"));
  if (mode == "--fault-points") {
    for (const auto& point : fault_points()) std::cout << point << "\n";
    return ExitCode::ok;
  }
  fmt::print(stderr,
             "tessera-host: found '{}', expected work, --check, --probe FILE…, --engine, --conformance FILE OPTIONS or --fault-points\n",
             mode);
  return ExitCode::bad_config;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  tessera::open_standard_descriptors();
  tessera::load_cuda();
  try {
    tessera::leave(tessera::dispatch({argv + 1, argv + argc}));
  } catch (const tessera::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    tessera::leave(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "tessera-host: {}\n", error.what());
    tessera::leave(tessera::ExitCode::run_failed);
  }
}
