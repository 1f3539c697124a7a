// Ledgers of two cells and more, as compare, diff and their like are asked about.
#pragma once
#include <gtest/gtest.h>

#include <regex>

#include "ledger_fixture.hpp"

namespace tessera {

// A stage made by one run or more, with what it ran on.
struct Made {
  std::string kind, key;
  Json values = Json::object();  // metric -> number, or a list: one a sample; of "…_s" a clock's; "images" is a count
  Json env = {{"torch", "2.11"}, {"threads", 2}, {"host", "a"}, {"pid", 1}};
  std::string plugin_sha = "ab12";
  Json parts = Json::object();
  Json inputs = Json::object();
  std::string state = "done";
  int n = 1;
  int64_t from_step = 0, step = 1;
};

class Comparisons : public ::testing::Test {
 protected:
  Comparisons() : results_("comparison"), front_(results_.front("f", 1)) {}

  void make(const Made& made) {
    FakeJournal journal(results_.folder(), fmt::format("stages/{}-{}/runs/{}/journal.jsonl", made.kind, made.key, made.n),
                        fmt::format("run-{}-{}", made.key, made.n),
                        {{"what", "run"},
                         {"stage", made.key},
                         {"kind", made.kind},
                         {"n", made.n},
                         {"from_step", made.from_step},
                         {"parts", made.parts},
                         {"inputs", made.inputs},
                         {"seed", 7},
                         {"time", 1000.0 + made.n},
                         {"env", made.env},
                         {"plugins", {{"prior", {{"id", "gpt"}, {"file", "gpt.so"}, {"sha256", made.plugin_sha}, {"revision", 3}}}}}});
    for (const auto& [name, value] : made.values.items()) {
      const bool timed = name.size() > 2 && name.compare(name.size() - 2, 2, "_s") == 0;
      journal.metric(name, value.is_array() ? "sample" : "step", timed, 1, name == "images" ? "none" : "min",
                     name == "images" ? "Number of images." : "of a test");
      if (!value.is_array()) {
        journal.step(made.step, {{name, value}});
        continue;
      }
      Json indices = Json::array();
      for (size_t i = 0; i < value.size(); ++i) indices.push_back(i);
      journal.write({{"t", "points"}, {"m", name}, {"i", indices}, {"v", value}});
    }
    if (made.state == "done") results_.publish(journal, made.kind, made.key, made.n);
    journal.end(made.state);
  }
  void trial(const std::string& cell, int seed, const Json& stages) { FakeResults::trial(front_, "quick", cell, seed, stages); }
  void declare(const std::vector<std::string>& cells) { FakeResults::declare(front_, "quick", cells); }

  std::pair<std::string, int> tessera(const std::string& arguments) const {
    auto [text, status] = shell(TESSERA_BINARY_DIR "/bin/tessera " + arguments + " --results " + results_.folder().string() + " 2>&1");
    // Commands that it suggests.
    text = std::regex_replace(text, std::regex(TESSERA_BINARY_DIR "/bin/"), "");
    text = std::regex_replace(text, std::regex(" --results " + results_.folder().string()), "");
    return {text, WEXITSTATUS(status)};
  }
  // From this heading to the next empty line.
  std::string block(const std::string& heading, const std::string& arguments = "compare quick") const {
    const auto text = tessera(arguments).first;
    const auto begin = text.find(heading);
    if (begin == std::string::npos) return "no such block in\n" + text;
    return text.substr(begin, text.find("\n\n", begin) + 1 - begin);
  }
  Json json(const std::string& arguments = "compare quick") const { return Json::parse(tessera(arguments + " --json").first); }

  FakeResults results_;
  FakeJournal front_;
};

}  // namespace tessera
