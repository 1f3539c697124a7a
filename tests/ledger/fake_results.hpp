// A results folder as hosts and fronts leave it, written line by line without the journal writer: what the recorder must read.
#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/files.hpp"
#include "core/hash.hpp"
#include "core/json.hpp"

namespace tessera {

class FakeJournal {
 public:
  FakeJournal(std::filesystem::path results, std::string path, std::string uuid, Json begin)
      : results_(std::move(results)), path_(std::move(path)), uuid_(std::move(uuid)) {
    std::filesystem::create_directories((results_ / path_).parent_path());
    begin["t"] = "begin";
    if (!begin.contains("format")) begin["format"] = 1;
    begin["uuid"] = uuid_;
    write(begin);
    mark_live();
  }
  void mark_live() const {
    std::filesystem::create_directories(results_ / "live");
    std::ofstream(results_ / "live" / uuid_) << path_;
  }
  void write(Json line) {
    line["q"] = q_++;
    raw(line.dump() + "\n");
  }
  void raw(const std::string& text) const { std::ofstream(results_ / path_, std::ios::app) << text; }
  void metric(const std::string& name, const std::string& axis = "step", bool timing = false, int revision = 1,
              const std::string& goal = "min", const std::string& definition = "of a test") {
    write({{"t", "metric"},
           {"name", name},
           {"axis", axis},
           {"goal", goal},
           {"unit", timing ? "s" : ""},
           {"timing", timing},
           {"definition", definition},
           {"revision", revision}});
  }
  void step(int64_t s, const Json& values) { write({{"t", "step"}, {"s", s}, {"v", values}}); }
  void end(const std::string& state = "done") {
    write({{"t", "end"},
           {"state", state},
           {"error", state == "failed" ? "it broke" : ""},
           {"exit", state == "done" ? 0 : 1},
           {"time", 2000.5},
           {"seconds", 10.25},
           {"cpu_seconds", 20.5}});
  }
  const std::string& path() const { return path_; }

 private:
  std::filesystem::path results_;
  std::string path_, uuid_;
  int64_t q_ = 0;
};

class FakeResults {
 public:
  // In memory where there is such a place: these tests kill processes, not machines.
  explicit FakeResults(const std::string& name)
      : folder_((std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) /
                ("tessera-" + name + "-" + make_uuid())) {
    std::filesystem::create_directories(folder_);
  }
  ~FakeResults() {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }
  const std::filesystem::path& folder() const { return folder_; }

  FakeJournal run(const std::string& kind, const std::string& key, int n, int64_t from_step, const Json& inputs = Json::object()) {
    return FakeJournal(folder_, fmt::format("stages/{}-{}/runs/{}/journal.jsonl", kind, key, n), fmt::format("run-{}-{}", key, n),
                       {{"what", "run"},
                        {"stage", key},
                        {"kind", kind},
                        {"n", n},
                        {"from_step", from_step},
                        {"parts", {{"key", key}}},
                        {"inputs", inputs},
                        {"seed", 7},
                        {"time", 1000.0 + n},
                        {"env", {{"host", "elsewhere"}}},
                        {"plugins", {{"prior", {{"id", "gpt"}, {"file", "gpt.so"}, {"sha256", "ab12"}, {"revision", 3}}}}}});
  }
  FakeJournal front(const std::string& uuid, double time) {
    return FakeJournal(
        folder_, "fronts/" + uuid + ".jsonl", uuid,
        {{"what", "front"}, {"argv", {"tessera", "run", "q.toml"}}, {"time", time}, {"env", {{"host", "elsewhere"}, {"pid", 1}}}});
  }
  // The publish line, then stage.json with its output file.
  void publish(FakeJournal& journal, const std::string& kind, const std::string& key, int n, const std::string& content = "weights",
               const Json& inputs = Json::object()) {
    const Json outputs = {{"out.safetensors", {{"sha256", sha256(content)}, {"bytes", content.size()}}}};
    journal.write({{"t", "publish"}, {"outputs", outputs}, {"inputs", inputs}});
    link(kind, key, n, outputs, content, inputs);
  }
  void link(const std::string& kind, const std::string& key, int n, const Json& outputs, const std::string& content,
            const Json& inputs = Json::object()) {
    const auto stage = folder_ / "stages" / (kind + "-" + key);
    std::filesystem::create_directories(stage / "runs" / std::to_string(n) / "out");
    std::ofstream(stage / "runs" / std::to_string(n) / "out" / "out.safetensors") << content;
    std::ofstream(stage / "stage.json") << Json{{"format", 1},
                                                {"kind", kind},
                                                {"key", key},
                                                {"run", n},
                                                {"parts", {{"key", key}}},
                                                {"inputs", inputs},
                                                {"outputs", outputs},
                                                {"plugins", Json::object()}};
  }
  static void declare(FakeJournal& front, const std::string& experiment, const std::vector<std::string>& cells,
                      const std::string& origin = "q.toml:3:1", const std::string& baseline = "") {
    front.write({{"t", "experiment"},
                 {"name", experiment},
                 {"question", "Does it work?"},
                 {"source", "q.toml"},
                 {"baseline", baseline.empty() ? cells[0] : baseline}});
    for (const auto& cell : cells)
      front.write({{"t", "cell"},
                   {"experiment", experiment},
                   {"hash", "h-" + cell},
                   {"label", cell},
                   {"axes", {{"arm", cell}}},
                   {"options",
                    {{"prior.width", 128, origin},
                     {"prior.plugin", "gpt", "default"},
                     {"prior.dropout", 0.1, "cli"},
                     {"prior.flag", true, "default"},
                     {"prior.list", {1, 2}, "default"}}}});
  }
  static void trial(FakeJournal& front, const std::string& experiment, const std::string& cell, int seed, const Json& stages) {
    front.write({{"t", "trial"}, {"experiment", experiment}, {"cell", "h-" + cell}, {"seed", seed}, {"stages", stages}});
  }

 private:
  std::filesystem::path folder_;
};

// A small experiment in which everything happens once: two arms on one tokenizer, a resumed prior, samples, an evaluation, NaN
// and infinity, a timing metric, an unknown line, a front that retires a cell, a torn line.
inline void write_experiment(FakeResults& results) {
  auto old_front = results.front("front-old", 900);
  FakeResults::declare(old_front, "quick", {"causal", "retired"}, "q.toml:9:9");
  FakeResults::trial(old_front, "quick", "retired", 0, {{"tokenizer", "t0"}});
  old_front.end();
  auto front = results.front("front-new", 950);
  FakeResults::declare(front, "quick", {"causal", "masked"});
  for (const char* key : {"t0"})
    front.write({{"t", "stage"}, {"key", key}, {"kind", "tokenizer"}, {"parts", {{"key", key}}}, {"inputs", {{"data", "d0"}}}});
  for (int seed : {0, 1})
    for (const std::string cell : {"causal", "masked"})
      FakeResults::trial(front, "quick", cell, seed,
                         {{"tokenizer", "t0"},
                          {"prior", fmt::format("p-{}-{}", cell, seed)},
                          {"samples.free", fmt::format("s-{}-{}", cell, seed)},
                          {"evaluation.samples.free", fmt::format("e-{}-{}", cell, seed)}});
  const Json trial = {{"target", "quick/causal/0"}, {"experiment", "quick"}, {"cell", "h-causal"}, {"seed", 0}, {"text", "keep"}};
  Json tag = trial, untag = trial;
  tag.update({{"t", "tag"}, {"time", 960}});
  front.write(tag);
  untag.update({{"t", "tag"}, {"text", "hasty"}, {"time", 961}});
  front.write(untag);
  untag.update({{"removed", true}, {"time", 962}});
  front.write(untag);
  front.write({{"t", "mystery"}, {"x", 1}});

  auto tokenizer = results.run("tokenizer", "t0", 1, 0, {{"data", "d0"}});
  tokenizer.metric("loss");
  tokenizer.metric("rate", "step", true);
  for (int s = 1; s <= 40; ++s) tokenizer.step(s, {{"loss", 1.0 / s}, {"rate", 14.0 + s}});
  results.publish(tokenizer, "tokenizer", "t0", 1);
  tokenizer.end();

  int index = 0;
  for (int seed : {0, 1})
    for (const std::string cell : {"causal", "masked"}) {
      ++index;
      const std::string prior = fmt::format("p-{}-{}", cell, seed), samples = fmt::format("s-{}-{}", cell, seed);
      auto first = results.run("prior", prior, 1, 0, {{"tokenizer", "t0"}});
      first.metric("loss");
      for (int s = 1; s <= 25; ++s) first.step(s, {{"loss", s == 7 ? Json("nan") : Json(index + 0.1 * s)}});
      first.write({{"t", "checkpoint"}, {"s", 20}, {"file", "checkpoints/000000020.safetensors"}});
      auto second = results.run("prior", prior, 2, 20, {{"tokenizer", "t0"}});
      second.metric("loss");
      for (int s = 21; s <= 23; ++s) second.step(s, {{"loss", s == 22 ? Json("inf") : Json(index + 0.2 * s)}});
      results.publish(second, "prior", prior, 2, "weights-" + prior,
                      {{"tokenizer", {{"key", "t0"}, {"outputs", {{"out.safetensors", sha256("weights")}}}}}});
      second.end();

      auto sampled = results.run("samples", samples, 1, 0, {{"prior", prior}});
      for (int i = 0; i < 5; ++i)
        sampled.write({{"t", "sample"},
                       {"i", i},
                       {"noise_seed", 11},
                       {"label", -1},
                       {"ids", {i, 2, 3}},
                       {"commit", {0, 1, 2}},
                       {"logp", -12.5 - i},
                       {"png", base64_encode("png bytes")}});
      results.publish(sampled, "samples", samples, 1, "samples-" + samples);
      sampled.end();

      auto evaluated = results.run("evaluation", fmt::format("e-{}-{}", cell, seed), 1, 0, {{"samples", samples}});
      evaluated.metric("frechet");
      evaluated.metric("nearest", "sample");
      evaluated.write({{"t", "points"}, {"m", "nearest"}, {"i", {0, 1, 2, 3}}, {"v", {0.5, "nan", 0.25 * index, 1.0}}});
      evaluated.step(0, {{"frechet", 7.5 + index}});
      evaluated.write({{"t", "event"}, {"level", "warning"}, {"text", "small sample"}, {"time", 1500.0}});
      results.publish(evaluated, "evaluation", fmt::format("e-{}-{}", cell, seed), 1, "");
      evaluated.end();
    }
  front.raw("{\"t\":\"end\",\"sta");
}

}  // namespace tessera
