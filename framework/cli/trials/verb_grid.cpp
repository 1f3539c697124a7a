// grid: one PNG of originals, reconstructions, samples and completions, a row a cell or trial, at one noise seed.
#include <fmt/format.h>

#include <boost/program_options.hpp>

#include "cli/ledger/ledger_access.hpp"
#include "cli/output_file.hpp"
#include "core/error.hpp"
#include "experiment/pictures/picture_grid.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {

int verb_grid(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  GridRequest request;
  int64_t seed = -1;
  OutputFile out(line, {"FILE.png", "Where to write (default: grid.png).", {".png"}, false, "grid.png"});
  line.options().add_options()("request", po::value(&request.requests)->composing()->value_name("NAME"),
                               "An entry of sampling.requests; may be repeated (default: all).")(
      "seed", po::value(&seed)->value_name("N"), "Seed of the experiments' trials (default: the least that has samples).")(
      "columns", po::value(&request.columns)->value_name("N"), "Images a row (default: 12).");
  if (!line.parse(arguments, 1)) return 0;
  out.check();
  if (request.columns < 1 || request.columns > 64)
    throw Error(ExitCode::bad_config, fmt::format("--columns: found {}, expected a number from 1 to 64", request.columns));
  request.experiment = line.words()[0];
  request.also.assign(line.words().begin() + 1, line.words().end());
  if (seed >= 0) request.seed = seed;
  auto database = open_ledger(line.common());
  const auto grid =
      with_ledger_errors(ledger_file(line.common().results), [&] { return draw_grid(database, line.common().results, request); });
  out.write(encode_png(grid.image));
  for (const auto& note : grid.notes) fmt::print(stderr, "tessera: {}\n", note);
  if (out.is_standard_output()) return 0;
  if (line.common().json)
    print_json({{"file", out.name()},
                {"seed", grid.seed},
                {"width", grid.image.width},
                {"height", grid.image.height},
                {"rows", grid.rows},
                {"notes", grid.notes}});
  else
    fmt::print("{}: {} rows at seed {}, {} x {} pixels\n", out.name(), grid.rows.size(), grid.seed, grid.image.width, grid.image.height);
  return 0;
}

}  // namespace tessera
