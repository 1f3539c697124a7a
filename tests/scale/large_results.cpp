// A results folder of thousands of finished trials, as fronts and hosts leave it: journals, outputs, stage.json, no database. The
// recorder then makes the ledger as in life. Usage: large_results FOLDER CELLS SEEDS POINTS
//
// Half of the cells belong to the arm `causal`, the baseline, half to `masked`; both stand at the same points of three more axes. Data
// and tokenizer are shared; prior, samples and evaluations are each trial's own. A trial has 20 metrics of POINTS values each: 8 of the
// prior, 6 of its evaluation, 6 of its samples' evaluation. A small experiment and an older version of the large one are there too.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/json.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

struct Metric {
  const char *name, *axis, *goal, *unit;
};
const std::vector<Metric> kPrior = {{"loss", "step", "none", "bits"},      {"validation_loss", "step", "min", "bits"},
                                    {"learning_rate", "step", "none", ""}, {"gradient_norm", "step", "none", ""},
                                    {"weight_norm", "step", "none", ""},   {"tokens_per_second", "step", "none", "1/s"},
                                    {"mask_fraction", "step", "none", ""}, {"accuracy", "step", "none", ""}};
const std::vector<Metric> kEvaluation = {
    {"bits_per_token", "step", "min", "bits"}, {"bits_over_unigram", "step", "min", ""},   {"accuracy", "step", "max", ""},
    {"calibration_error", "step", "min", ""},  {"sequence_bits", "sample", "min", "bits"}, {"sequence_rank", "sample", "none", ""}};
const std::vector<Metric> kSamples = {{"frechet", "step", "min", ""},   {"precision", "step", "max", ""},
                                      {"recall", "step", "max", ""},    {"unigram_tv", "step", "min", ""},
                                      {"nearest", "sample", "max", ""}, {"logp", "sample", "none", "nats"}};
constexpr int kOptions = 60;  // of a cell, besides its axes

std::string key_of(const std::string& name) { return sha256(name).substr(0, 32); }

// A journal's lines, written at once.
class Lines {
 public:
  explicit Lines(const Json& begin) {
    Json line = begin;
    line["t"] = "begin";
    line["format"] = 1;
    add(std::move(line));
  }
  void add(Json line) {
    line["q"] = q_++;
    text_ += line.dump();
    text_ += '\n';
  }
  void metrics(const std::vector<Metric>& metrics) {
    for (const auto& m : metrics)
      add({{"t", "metric"},
           {"name", m.name},
           {"axis", m.axis},
           {"goal", m.goal},
           {"unit", m.unit},
           {"timing", false},
           {"definition", "Of a test."},
           {"revision", 1}});
  }
  // By hand: most of the text is this.
  void values(const std::vector<Metric>& metrics, int points, double level) {
    const auto value = [&](size_t m, int s) { return level + static_cast<double>(m) + std::cos(static_cast<double>(m + 1) * s) / s; };
    for (int s = 1; s <= points; ++s) {
      text_ += fmt::format(R"({{"q":{},"s":{},"t":"step","v":{{)", q_++, s);
      const char* comma = "";
      for (size_t m = 0; m < metrics.size(); ++m)
        if (metrics[m].axis == std::string("step"))
          text_ += fmt::format(R"({}"{}":{})", std::exchange(comma, ","), metrics[m].name, value(m, s));
      text_ += "}}\n";
    }
    for (size_t m = 0; m < metrics.size(); ++m) {
      if (metrics[m].axis == std::string("step")) continue;
      Json indices = Json::array(), values = Json::array();
      for (int i = 0; i < points; ++i) indices.push_back(i), values.push_back(value(m, i + 1));
      add({{"t", "points"}, {"m", metrics[m].name}, {"i", std::move(indices)}, {"v", std::move(values)}});
    }
  }
  void write(const fs::path& file) const {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text_;
  }

 private:
  std::string text_;
  int64_t q_ = 0;
};

struct Stage {
  std::string kind, key;
  Json inputs = Json::object();
};

class LargeResults {
 public:
  LargeResults(fs::path folder, int cells, int seeds, int points)
      : folder_(std::move(folder)), cells_(cells), seeds_(seeds), points_(points) {}

  void write() {
    run(data_, {}, 0), run(tokenizer_, kPrior, 1);
    front("large", 1000, cells_ / 10 + 1, 1, "old");
    front("large", 2000, cells_, seeds_, "");
    front("small", 3000, 4, std::min(seeds_, 3), "");
  }

 private:
  void run(const Stage& stage, const std::vector<Metric>& metrics, double level) {
    const fs::path folder = folder_ / "stages" / (stage.kind + "-" + stage.key);
    const Json parts = {{"kind", stage.kind}, {"name", stage.key}};
    Lines journal({{"what", "run"},
                   {"uuid", "run-" + stage.key},
                   {"stage", stage.key},
                   {"kind", stage.kind},
                   {"n", 1},
                   {"from_step", 0},
                   {"parts", parts},
                   {"inputs", stage.inputs},
                   {"seed", 0},
                   {"time", 1500.0},
                   {"env", {{"host", "elsewhere"}}},
                   {"plugins", {{"prior", {{"id", "gpt"}, {"sha256", std::string(64, 'a')}, {"revision", 1}}}}}});
    journal.metrics(metrics);
    journal.values(metrics, points_, level);
    const Json outputs = {{"out.safetensors", {{"sha256", sha256(stage.key)}, {"bytes", stage.key.size()}}}};
    Json read = Json::object();
    for (const auto& [slot, key] : stage.inputs.items())
      read[slot] = {{"key", key}, {"outputs", {{"out.safetensors", sha256(key.get<std::string>())}}}};
    journal.add({{"t", "publish"}, {"outputs", outputs}, {"inputs", read}});
    journal.add({{"t", "end"}, {"state", "done"}, {"error", ""}, {"exit", 0}, {"time", 1510.0}, {"seconds", 10.0}, {"cpu_seconds", 20.0}});
    journal.write(folder / "runs/1/journal.jsonl");
    fs::create_directories(folder / "runs/1/out");
    std::ofstream(folder / "runs/1/out/out.safetensors") << stage.key;
    std::ofstream(folder / "runs/1/alive") << "";
    std::ofstream(folder / "stage.json") << Json{{"format", 1},    {"kind", stage.kind}, {"key", stage.key},   {"run", 1},
                                                 {"parts", parts}, {"inputs", read},     {"outputs", outputs}, {"plugins", Json::object()}};
  }

  static Json cell(const std::string& experiment, int number, const std::string& version) {
    const int point = number / 2;
    const std::string arm = number % 2 == 0 ? "causal" : "masked";
    const Json axes = {{"arm", arm},
                       {"prior.layers", std::to_string(point % 10)},
                       {"prior.dropout", std::to_string(point / 10 % 10)},
                       {"prior.train.lr", std::to_string(point / 100)}};
    const std::string label =
        fmt::format("{}, prior.layers={}, prior.dropout={}, prior.train.lr={}", arm, point % 10, point / 10 % 10, point / 100);
    Json options = Json::array();
    for (const auto& [key, value] : axes.items()) options.push_back({key == "arm" ? "prior.plugin" : key, value, "large.toml:9:1"});
    for (int i = 0; i < kOptions; ++i) options.push_back({fmt::format("section.option_{}", i), i, "default"});
    return {{"t", "cell"},  {"experiment", experiment},     {"hash", key_of(experiment + version + label)}, {"label", label},
            {"axes", axes}, {"options", std::move(options)}};
  }

  void front(const std::string& experiment, double time, int cells, int seeds, const std::string& version) {
    const std::string uuid = "front-" + experiment + version;
    Lines journal({{"what", "front"},
                   {"uuid", uuid},
                   {"argv", {"tessera", "run", experiment + ".toml"}},
                   {"time", time},
                   {"env", {{"host", "elsewhere"}, {"pid", 1}}}});
    journal.add({{"t", "experiment"},
                 {"name", experiment},
                 {"question", "How large may it get?"},
                 {"source", experiment + ".toml"},
                 {"baseline", "causal"}});
    std::vector<Json> trials;
    for (int c = 0; c < cells; ++c) {
      const Json line = cell(experiment, c, version);
      journal.add(line);
      for (int seed = 0; seed < seeds; ++seed) {
        const auto name = fmt::format("{}{}/{}/{}", experiment, version, c, seed);
        const double level = c % 2 + 0.1 * seed + 0.01 * c;
        const Stage prior{"prior", key_of("prior" + name), {{"tokenizer", tokenizer_.key}}};
        const Stage samples{"samples", key_of("samples" + name), {{"prior", prior.key}}};
        const Stage of_prior{"evaluation", key_of("e" + name), {{"prior", prior.key}}};
        const Stage of_samples{"evaluation", key_of("f" + name), {{"samples", samples.key}}};
        run(prior, kPrior, level), run(samples, {}, level), run(of_prior, kEvaluation, level), run(of_samples, kSamples, level);
        for (const auto* stage : {&prior, &samples, &of_prior, &of_samples})
          journal.add({{"t", "stage"},
                       {"key", stage->key},
                       {"kind", stage->kind},
                       {"parts", {{"kind", stage->kind}, {"name", stage->key}}},
                       {"inputs", stage->inputs}});
        trials.push_back({{"t", "trial"},
                          {"experiment", experiment},
                          {"cell", line.at("hash")},
                          {"seed", seed},
                          {"stages",
                           {{"data", data_.key},
                            {"tokenizer", tokenizer_.key},
                            {"prior", prior.key},
                            {"samples.free", samples.key},
                            {"evaluation.prior", of_prior.key},
                            {"evaluation.samples.free", of_samples.key}}}});
      }
    }
    for (auto& trial : trials) journal.add(std::move(trial));
    journal.add({{"t", "end"}, {"state", "done"}, {"error", ""}, {"exit", 0}, {"time", time + 1}, {"seconds", 1.0}});
    journal.write(folder_ / "fronts" / (uuid + ".jsonl"));
  }

  fs::path folder_;
  int cells_, seeds_, points_;
  Stage data_{"data", key_of("data")}, tokenizer_{"tokenizer", key_of("tokenizer"), {{"data", key_of("data")}}};
};

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "Usage: large_results FOLDER CELLS SEEDS POINTS\n");
    return 2;
  }
  try {
    tessera::LargeResults(argv[1], std::stoi(argv[2]), std::stoi(argv[3]), std::stoi(argv[4])).write();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
