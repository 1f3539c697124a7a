// Nearest code: 65,536 vectors of 32 channels against 8,192 codes, fused against cdist + argmin. The bar of memory means: no
// N x K matrix, which is 2 GiB. The ratio is that of medians of alternating runs.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <fstream>
#include <vector>

#include "kernels/nearest_code/nearest_code.hpp"
#include "measure.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

constexpr int64_t kVectors = 65'536, kCodes = 8'192, kDepth = 32;

at::Tensor vectors() { return Noise(1, "bench").normal({kVectors, kDepth}, "z"); }
at::Tensor codebook() { return Noise(1, "bench").normal({kCodes, kDepth}, "codebook"); }

at::Tensor by_matrix(const at::Tensor& z, const at::Tensor& codes) { return torch::cdist(z, codes).argmin(1); }

// The answer, on 512 of the vectors: empty, or how much farther than the nearest a code is.
std::string wrong(const at::Tensor& z, const at::Tensor& codes) {
  auto part = z.slice(0, 0, kVectors / 128);
  auto distance = [&](const at::Tensor& ids) { return (part - codes.index_select(0, ids)).to(torch::kDouble).square().sum(1); };
  auto excess = (distance(nearest_code(part, codes)) - distance(nearest_code_reference(part, codes))).max().item<double>();
  return excess > 1e-4 ? fmt::format("a code is {} farther than the nearest", excess) : "";
}

// Kilobytes of a line of /proc/self/status.
int64_t status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name + ":", 0) == 0) return std::stoll(line.substr(name.size() + 1));
  return 0;
}

// Highest memory during the call, above what was there, in MiB.
template <class Call>
double peak_mib(Call call) {
  std::ofstream("/proc/self/clear_refs") << "5";  // resets the high-water mark
  int64_t before = status("VmRSS");
  call();
  return static_cast<double>(status("VmHWM") - before) / 1024;
}

void nearest_code_against_cdist(benchmark::State& state) {
  state.SetLabel("ratio >= 2, peak_MiB <= 64");
  torch::NoGradGuard no_grad;
  auto z = vectors(), codes = codebook();
  if (auto text = wrong(z, codes); !text.empty()) return state.SkipWithError(text.c_str());
  state.counters["peak_MiB"] = peak_mib([&] { nearest_code(z, codes); });
  state.counters["peak_MiB_cdist"] = peak_mib([&] { by_matrix(z, codes); });
  std::vector<double> fused, matrix;
  for (auto _ : state) {
    fused.push_back(seconds_of([&] { benchmark::DoNotOptimize(nearest_code(z, codes)); }));
    matrix.push_back(seconds_of([&] { benchmark::DoNotOptimize(by_matrix(z, codes)); }));
    state.SetIterationTime(fused.back());
  }
  state.counters["cdist_ms"] = 1e3 * median(matrix);
  state.counters["ratio"] = median(matrix) / median(fused);
}
BENCHMARK(nearest_code_against_cdist)
    ->Name("nearest code, against cdist and argmin")
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime()
    ->Iterations(5);

}  // namespace
}  // namespace tessera

BENCHMARK_MAIN();
