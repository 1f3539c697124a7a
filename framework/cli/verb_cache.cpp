// cache gc: lists big files that no current trial needs, and removes them when told to.
#include <fmt/format.h>

#include <boost/program_options.hpp>

#include "cli/ledger_access.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "experiment/garbage.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr size_t kListed = 20;

std::string bytes_text(int64_t bytes) {
  const char* units[] = {"bytes", "kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  size_t unit = 0;
  for (; size >= 1000 && unit + 1 < std::size(units); ++unit) size /= 1000;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", size, units[unit]);
}

std::string what(const Garbage& one) {
  std::vector<std::string> parts;
  if (one.outputs > 0) parts.push_back(fmt::format("{} output{}", one.outputs, one.outputs == 1 ? "" : "s"));
  if (one.checkpoints > 0) parts.push_back(fmt::format("{} checkpoint{}", one.checkpoints, one.checkpoints == 1 ? "" : "s"));
  return fmt::format("{}", fmt::join(parts, ", "));
}

int collect(SQLite::Database& database, const CommonOptions& common, const GarbageRequest& request, bool yes,
            const std::vector<std::string>& argv) {
  refuse_while_running(database, common.results);
  const auto garbage = find_garbage(database, common.results, request);
  int64_t bytes = 0, files = 0;
  for (const auto& one : garbage) bytes += one.bytes, files += static_cast<int64_t>(one.files.size());
  if (yes && files > 0) bytes = remove_garbage(common.results, argv, garbage);
  if (common.json) {
    Json list = Json::array();
    for (const auto& one : garbage)
      list.push_back({{"stage", one.name()},
                      {"current", one.current},
                      {"outputs", one.outputs},
                      {"checkpoints", one.checkpoints},
                      {"bytes", one.bytes}});
    print_json({{"removed", yes}, {"files", files}, {"bytes", bytes}, {"stages", std::move(list)}});
    return 0;
  }
  if (garbage.empty()) {
    fmt::print("Nothing to remove: every big file belongs to a current trial\n");
    return 0;
  }
  TextTable table({{"stage"}, {"size", true}, {"what"}, {"why"}});
  for (size_t i = 0; i < std::min(garbage.size(), kListed); ++i) {
    const auto& one = garbage[i];
    table.add(
        {one.name(), bytes_text(one.bytes), what(one), one.current ? "published: nothing reads them" : "no current trial names the stage"});
  }
  fmt::print("{}", table.text());
  if (garbage.size() > kListed) fmt::print("… and {} more stages (--json lists all)\n", garbage.size() - kListed);
  fmt::print("{} {} file{} of {} stage{}, {}. stage.json, journals and logs stay\n", yes ? "Removed" : "Would remove", files,
             files == 1 ? "" : "s", garbage.size(), garbage.size() == 1 ? "" : "s", bytes_text(bytes));
  if (!yes) fmt::print("Nothing was removed: add --yes\n");
  return 0;
}

int gc(const Verb& verb, const std::vector<std::string>& arguments) {
  CommandLine line(verb);
  bool yes = false;
  GarbageRequest request;
  std::optional<double> days;
  namespace po = boost::program_options;
  line.options().add_options()("keep-tagged", po::bool_switch(&request.keep_tagged),
                               "gc: nothing of tagged stages, nor of those of tagged trials, cells and experiments.")(
      "older-than", po::value<double>()->notifier([&](double value) { days = value; })->value_name("DAYS"),
      "gc: only stages that nobody has worked on for so long.")("yes", po::bool_switch(&yes),
                                                                "gc: remove; without, only what would go is listed.");
  if (!line.parse(arguments, 1, 1)) return 0;
  if (line.words()[0] != "gc") throw Error(ExitCode::bad_config, fmt::format("cache: found '{}', expected gc", line.words()[0]));
  if (days && !(*days >= 0))
    throw Error(ExitCode::bad_config, fmt::format("--older-than: found {}, expected a number of days, 0 or more", *days));
  request.older_than_days = days;
  std::vector<std::string> argv = {verb.name};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto database = open_ledger(line.common());
  return with_ledger_errors(ledger_file(line.common().results), [&] { return collect(database, line.common(), request, yes, argv); });
}

}  // namespace

int verb_cache(const Verb& verb, const std::vector<std::string>& arguments) { return gc(verb, arguments); }

}  // namespace tessera
