// doctor: each check is a row; what is wrong says what to do about it.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "cli/workbench.hpp"
#include "core/error.hpp"
#include "core/files.hpp"
#include "core/subprocess.hpp"
#include "experiment/report/report.hpp"
#include "experiment/run/host_threads.hpp"
#include "registry/ledger/check.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

enum class Health { good, note, bad };

struct Finding {
  Health health;
  std::string text;
};

Finding good(std::string text) { return {Health::good, std::move(text)}; }
Finding note(std::string text) { return {Health::note, std::move(text)}; }
Finding bad(std::string text) { return {Health::bad, std::move(text)}; }

// A value of the first line of a file in /proc that begins with the name.
std::string proc_value(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, name.size(), name) == 0)
      if (const auto colon = line.find(':'); colon != std::string::npos) return line.substr(std::min(line.size(), colon + 2));
  return {};
}

Finding system_version() {
  utsname name{};
  ::uname(&name);
  return good(fmt::format("Tessera {} on {} {} {}", TESSERA_VERSION, name.sysname, name.release, name.machine));
}

Finding processor() {
  const auto flags = " " + proc_value("/proc/cpuinfo", "flags") + " ";
  std::string found;
  for (const char* flag : {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"})
    if (flags.find(std::string(" ") + flag + " ") != std::string::npos) found += std::string(found.empty() ? "" : " ") + flag;
  const auto text =
      fmt::format("{}, {} cores, {}", proc_value("/proc/cpuinfo", "model name"), available_cores(), found.empty() ? "no AVX2" : found);
  return found.find("avx2") == std::string::npos ? note(text + ": training will be slow") : good(text);
}

Finding host_answers(const CommonOptions& common) {
  const auto host = catalog_settings(common).host;
  ChildOptions options;
  options.argv = {host.string(), "--engine"};
  options.err = Stream::pipe;
  Child child(options);
  std::string line;
  const auto read = child.read_line(line, Clock::now() + std::chrono::seconds(60));
  const auto manifest = read == Child::Read::line ? try_parse_json(line) : std::nullopt;
  if (manifest && manifest->value("type", "") == "engine") {
    std::string devices;
    for (const auto& device : manifest->at("numerics").at("devices")) devices += " " + device.get<std::string>();
    return good(fmt::format("{} answers; devices:{}", host.string(), devices));
  }
  const auto status = child.wait(Clock::now() + std::chrono::seconds(1));
  return bad(fmt::format("{} does not answer{}: {}", host.string(), status ? ", it " + status->describe() : "", child.drain_err()));
}

// LibTorch is found where the host's loader finds it.
Finding torch_library(const CommonOptions& common) {
  ChildOptions options;
  options.argv = {"ldd", catalog_settings(common).host.string()};
  options.err = Stream::null;
  Child child(options);
  std::string line, found, missing;
  while (child.read_line(line, Clock::now() + std::chrono::seconds(20)) == Child::Read::line) {
    if (line.find("libtorch_cpu.so") != std::string::npos && line.find("=> /") != std::string::npos)
      found = line.substr(line.find("=> ") + 3, line.rfind(" (") - line.find("=> ") - 3);
    if (line.find("not found") != std::string::npos) missing += line;
  }
  if (!missing.empty()) return bad("not found:" + missing + "; set up again with framework/cmake/setup.sh");
  if (found.empty()) return note("the host names no libtorch_cpu.so");
  return good(fs::weakly_canonical(found).string());
}

Finding plugins(const CommonOptions& common) {
  const Catalog catalog(catalog_settings(common));
  std::string text = fmt::format("{} found", catalog.plugins().size());
  for (const auto& one : catalog.refused()) text += fmt::format("; {} refused: {}", one.file.string(), one.reason);
  return catalog.plugins().empty() ? bad(text) : catalog.refused().empty() ? good(text) : note(text);
}

Finding results_folder(const fs::path& results) {
  if (const auto why = unwritable(results); !why.empty()) return bad(why + " by --results");
  return good(
      fmt::format("{}{}", fs::absolute(results).lexically_normal().string(), fs::exists(results) ? " can be written" : " will be made"));
}

Finding disk_space(const fs::path& results) {
  std::error_code failed;
  auto folder = fs::absolute(results).lexically_normal();
  while (!fs::exists(folder) && folder != folder.root_path()) folder = folder.parent_path();
  const auto space = fs::space(folder, failed);
  if (failed) return note("not known: " + failed.message());
  const double gigabytes = static_cast<double>(space.available) / 1e9;
  const auto text = fmt::format("{:.1f} GB free", gigabytes);
  return gigabytes < 1 ? bad(text + ": make room before a run") : gigabytes < 5 ? note(text) : good(text);
}

Finding cache() {
  const auto folder = cache_folder();
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed || ::access(folder.c_str(), W_OK) != 0)
    return note(
        fmt::format("{} cannot be written: plugins are probed at every start; set TESSERA_CACHE to another folder", folder.string()));
  return good(folder.string());
}

Finding charts() {
  try {
    const auto library = chart_library();
    return good(fmt::format("Chart.js, {} kB, for reports", library.size() / 1000));
  } catch (const Error& error) {
    return note(error.what());
  }
}

Finding ledger(const fs::path& results) {
  if (!fs::exists(ledger_file(results))) return good("none yet; the first run makes it");
  auto database = open_read_only(ledger_file(results));
  const auto wrong = check_ledger(database, results);
  if (!wrong.empty()) return bad(fmt::format("{}; `tessera db rebuild` makes it anew from the journals", fmt::join(wrong, "; ")));
  return good(fmt::format("{}, schema {}, {:.1f} MB", ledger_file(results).string(), ledger_version(database),
                          static_cast<double>(fs::file_size(ledger_file(results))) / 1e6));
}

}  // namespace

int verb_doctor(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  if (!line.parse(arguments, 0, 0)) return 0;
  const auto& common = line.common();
  const std::vector<std::pair<const char*, std::function<Finding()>>> checks = {
      {"system", system_version},
      {"processor", processor},
      {"host", [&] { return host_answers(common); }},
      {"libtorch", [&] { return torch_library(common); }},
      {"plugins", [&] { return plugins(common); }},
      {"cache", cache},
      {"charts", charts},
      {"results", [&] { return results_folder(common.results); }},
      {"disk", [&] { return disk_space(common.results); }},
      {"ledger", [&] { return ledger(common.results); }},
  };
  Json rows = Json::array();
  bool healthy = true;
  for (const auto& [name, check] : checks) {
    Finding finding;
    try {
      finding = check();
    } catch (const std::exception& error) {
      finding = bad(error.what());
    }
    const char* mark = finding.health == Health::good ? "ok" : finding.health == Health::note ? "note" : "WRONG";
    healthy = healthy && finding.health != Health::bad;
    if (common.json)
      rows.push_back({{"check", name}, {"health", mark}, {"text", finding.text}});
    else
      fmt::print("{:<6}{:<11}{}\n", mark, name, finding.text);
    std::fflush(stdout);
  }
  if (common.json) fmt::print("{}\n", rows.dump(2, ' ', false, Json::error_handler_t::replace));
  return healthy ? 0 : static_cast<int>(ExitCode::run_failed);
}

}  // namespace tessera
