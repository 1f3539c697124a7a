// trace: when a sampling strategy committed which token: one sample's steps, tokens a step, a picture.
#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cmath>

#include "cli/ledger/ledger_access.hpp"
#include "cli/output_file.hpp"
#include "cli/text_table.hpp"
#include "core/error.hpp"
#include "experiment/pictures/trace.hpp"
#include "registry/ledger/database.hpp"

namespace tessera {
namespace {

constexpr size_t kRows = 24, kBar = 40;

void print_sample(const Trace& trace, const TracedSample& sample) {
  const int digits = static_cast<int>(std::to_string(std::max<int64_t>(trace.steps() - 1, 0)).size());
  for (size_t p = 0; p < trace.planes.size(); ++p) {
    const auto& plane = trace.planes[p];
    fmt::print("\nsample {}{}: the step of each position{}\n", sample.index, trace.planes.size() > 1 ? fmt::format(", plane {}", p) : "",
               std::count(sample.commit_step_N.begin(), sample.commit_step_N.end(), -1) > 0 ? " (· known beforehand)" : "");
    for (int64_t y = 0; y < plane.height; ++y) {
      std::string row = " ";
      for (int64_t x = 0; x < plane.width; ++x) {
        const int64_t step = sample.commit_step_N[static_cast<size_t>(plane.begin + y * plane.width + x)];
        row += step < 0 ? fmt::format(" {:>{}}", "·", digits) : fmt::format(" {:>{}}", step, digits);
      }
      fmt::print("{}\n", row);
    }
  }
}

// Steps in equal ranges, where there are many.
void print_tokens(const Trace& trace) {
  const auto tokens = trace.tokens_per_step();
  const size_t range = (tokens.size() + kRows - 1) / kRows;
  std::vector<double> sums;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (range <= 1 || i % range == 0) sums.push_back(0);
    sums.back() += tokens[i];
  }
  const double most = sums.empty() ? 0 : *std::max_element(sums.begin(), sums.end());
  fmt::print("\ntokens committed {}, mean over {} samples\n",
             range <= 1 ? std::string("a step") : fmt::format("in {} steps at a time", range), trace.samples.size());
  TextTable table({{"step", true}, {"tokens", true}, {""}});
  for (size_t i = 0; i < sums.size(); ++i) {
    const size_t first = i * std::max<size_t>(range, 1), last = std::min(first + std::max<size_t>(range, 1), tokens.size()) - 1;
    std::string bar;
    for (size_t n = 0; n < static_cast<size_t>(std::lround(sums[i] / most * kBar)); ++n) bar += "█";
    table.add({first == last ? std::to_string(first) : fmt::format("{}-{}", first, last), format_number(sums[i]), bar});
  }
  fmt::print("{}", table.text());
}

}  // namespace

int verb_trace(const Verb& verb, const std::vector<std::string>& arguments) {
  namespace po = boost::program_options;
  CommandLine line(verb);
  int64_t index = 0;
  OutputFile out(line, {"FILE.png", "Write heat maps: the mean and the first samples.", {".png"}, false});
  line.options().add_options()("sample", po::value(&index)->value_name("N"), "The sample whose steps are printed (default: 0).");
  if (!line.parse(arguments, 1, 2)) return 0;
  const auto& common = line.common();
  out.check();
  std::optional<std::string> request;
  if (line.words().size() > 1) request = line.words()[1];
  auto database = open_ledger(common);
  const auto trace =
      with_ledger_errors(ledger_file(common.results), [&] { return read_trace(database, common.results, line.words()[0], request); });
  const auto sample = std::find_if(trace.samples.begin(), trace.samples.end(), [&](const TracedSample& one) { return one.index == index; });
  if (sample == trace.samples.end())
    throw Error(ExitCode::bad_config, fmt::format("--sample: found {}, expected one of the {} samples that are recorded, {} to {}", index,
                                                  trace.samples.size(), trace.samples.front().index, trace.samples.back().index));
  if (!trace.note.empty()) fmt::print(stderr, "tessera: {}\n", trace.note);
  if (out) out.write(encode_png(draw_trace(trace)));
  if (out.is_standard_output()) return 0;
  if (common.json) {
    print_json(to_json(trace));
    return 0;
  }
  fmt::print("{} {}: {} positions in {} steps\n", trace.trial, trace.request, trace.length(), trace.steps());
  print_sample(trace, *sample);
  print_tokens(trace);
  if (out) fmt::print("\n{}\n", out.name());
  return 0;
}

}  // namespace tessera
