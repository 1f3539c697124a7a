#include "experiment/front_journal.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>

#include "core/files.hpp"
#include "experiment/host_threads.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

double epoch_seconds() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Json environment() {
  utsname name{};
  ::uname(&name);
  return {{"host", name.nodename},
          {"system", std::string(name.sysname) + " " + name.release},
          {"cores", available_cores()},
          {"pid", static_cast<int64_t>(::getpid())}};
}

}  // namespace

FrontJournal::FrontJournal(const fs::path& results, const std::vector<std::string>& argv) : uuid_(make_uuid()), began_(epoch_seconds()) {
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

void FrontJournal::end(const std::string& state, int exit_code) {
  const auto now = epoch_seconds();
  write({{"t", "end"}, {"state", state}, {"error", ""}, {"exit", exit_code}, {"time", now}, {"seconds", now - began_}});
  writer_->sync();
}

}  // namespace tessera
