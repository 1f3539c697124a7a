#include "experiment/run/front_journal.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/machine.hpp"
#include "experiment/run/host_threads.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

fs::path status_file(const fs::path& results, const std::string& uuid) { return results / "fronts" / (uuid + ".status.json"); }

Json environment() {
  utsname name{};
  ::uname(&name);
  return {{"host", machine_name()},
          {"folder", fs::current_path().string()},
          {"system", std::string(name.sysname) + " " + name.release},
          {"cores", available_cores()},
          {"pid", static_cast<int64_t>(::getpid())}};
}

}  // namespace

FrontJournal::FrontJournal(const fs::path& results, const std::vector<std::string>& argv)
    : results_(results), uuid_(make_uuid()), began_(epoch_seconds()) {
  for (const auto& folder : {results, results / "live", results / "fronts"})
    if (const auto why = unwritable(folder); !why.empty()) throw Error(ExitCode::bad_config, why + " by --results");
  if (const auto why = unwritable_ledger(results); !why.empty()) throw Error(ExitCode::ledger, why);
  fs::create_directories(results / "live");
  fs::create_directories(results / "fronts");
  const auto file = fs::path("fronts") / (uuid_ + ".jsonl");
  write_file_atomically(results / "live" / uuid_, file.string());
  writer_ = std::make_unique<JournalWriter>(
      results / file, Json{{"what", "front"}, {"uuid", uuid_}, {"argv", argv}, {"env", environment()}, {"time", began_}});
}

void FrontJournal::write_plan(const Plan& plan, bool adds) {
  Json experiment = {
      {"t", "experiment"}, {"name", plan.experiment}, {"question", plan.question}, {"source", plan.source}, {"baseline", plan.baseline}};
  if (adds) experiment["adds"] = true;
  write(std::move(experiment));
  for (const auto& cell : plan.cells) {
    Json options = Json::array();
    for (const auto& [key, setting] : cell.settings) options.push_back({key, setting.value, setting.origin});
    write({{"t", "cell"},
           {"experiment", plan.experiment},
           {"hash", cell.hash},
           {"label", cell.label},
           {"axes", cell.axes},
           {"options", std::move(options)}});
  }
  for (const auto& stage : plan.stages)
    write({{"t", "stage"}, {"key", stage.key}, {"kind", stage.kind}, {"parts", stage.parts}, {"inputs", stage.inputs}});
  for (const auto& trial : plan.trials)
    write({{"t", "trial"},
           {"experiment", plan.experiment},
           {"cell", plan.cells[trial.cell].hash},
           {"seed", trial.seed},
           {"stages", trial.stages}});
  writer_->sync();
}

void FrontJournal::write_verdict(const std::string& stage, const std::string& reason, const fs::path& log) {
  const auto run = log.empty() ? std::string() : journal_uuid(log.parent_path() / "journal.jsonl");
  write({{"t", "verdict"}, {"stage", stage}, {"run", run.empty() ? Json() : Json(run)}, {"error", reason}, {"time", epoch_seconds()}});
}

void FrontJournal::end(const std::string& state, int exit_code) {
  const auto now = epoch_seconds();
  write({{"t", "end"}, {"state", state}, {"error", ""}, {"exit", exit_code}, {"time", now}, {"seconds", now - began_}});
  writer_->sync();
  std::error_code error;
  fs::remove(status_file(results_, uuid_), error);
}

void FrontJournal::write_status(const Json& status) const {
  try {
    write_file_atomically(status_file(results_, uuid_), to_line(status));
  } catch (const Error&) {
  }
}

std::vector<LiveFront> live_fronts(const fs::path& results) {
  std::vector<LiveFront> fronts;
  std::error_code error;
  for (fs::directory_iterator mark(results / "live", error), end; !error && mark != end; mark.increment(error)) {
    const auto uuid = mark->path().filename().string();
    const auto journal = results / "fronts" / (uuid + ".jsonl");
    if (!fs::exists(journal) || journal_writer_lives(journal) != true) continue;
    const auto begin = JournalReader(journal).next();
    if (!begin) continue;
    const auto environment = begin->value("env", Json::object());
    LiveFront front{uuid, environment.value("host", ""), environment.value("pid", int64_t{0}), begin->value("time", 0.0), {}, nullptr};
    for (const auto& word : begin->value("argv", Json::array())) front.argv.push_back(word.get<std::string>());
    if (const auto file = status_file(results, uuid); fs::exists(file))
      if (const auto status = try_parse_json(read_file(file))) front.status = *status;
    fronts.push_back(std::move(front));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    throw Error(ExitCode::ledger, fmt::format("{} cannot be read: {}", (results / "live").string(), error.message()));
  std::sort(fronts.begin(), fronts.end(), [](const LiveFront& a, const LiveFront& b) { return a.started < b.started; });
  return fronts;
}

}  // namespace tessera
