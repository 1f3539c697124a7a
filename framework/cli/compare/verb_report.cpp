// report: an experiment as one HTML file.
#include <fmt/format.h>

#include <boost/program_options.hpp>

#include "cli/ledger/ledger_access.hpp"
#include "cli/output_file.hpp"
#include "experiment/report/report.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {

int verb_report(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  std::string chart_js;
  bool no_pictures = false;
  OutputForm form{"FILE.html", "Where to write (default: report.html).", {".html", ".htm"}};
  form.default_name = "report.html";
  OutputFile out(line, form);
  line.options().add_options()("no-pictures", po::bool_switch(&no_pictures), "Leave the pictures out.")(
      "chart-js", po::value(&chart_js)->value_name("FILE"), "Chart.js to copy into the file (default: that of Debian's libjs-chart.js).");
  if (!line.parse(arguments, 1, 1)) return 0;
  out.check();
  auto database = open_ledger(line.common());
  const auto report = with_ledger_errors(ledger_file(line.common().results), [&] {
    return make_report(database, line.common().results, {line.words()[0], !no_pictures, chart_js});
  });
  out.write(report.html);
  for (const auto& note : report.notes) fmt::print(stderr, "tessera: {}\n", note);
  if (out.is_standard_output()) return 0;
  if (line.common().json)
    print_json({{"file", out.name()}, {"bytes", report.html.size()}, {"notes", report.notes}});
  else
    fmt::print("{}: {:.1f} MB, one file; open it in a browser\n", out.name(), static_cast<double>(report.html.size()) / 1e6);
  return 0;
}

}  // namespace tessera
