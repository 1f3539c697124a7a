// A plan over the double, from the text of an experiment file.
#pragma once
#include "experiment/plan/plan.hpp"
#include "fake_engine.hpp"
#include "temporary_folder.hpp"

namespace tessera {

class Planner {
 public:
  Plan plan(const std::string& text, const std::vector<std::string>& words = {}) {
    const auto experiment = read_experiment(folder_.write("e.toml", text), words);
    return make_plan(
        experiment, declarations_,
        [this](const std::vector<Json>& requests) {
          asked_ += requests.size();
          std::vector<Json> answers;
          for (const auto& request : requests) answers.push_back(fake_answer(request));
          return answers;
        },
        results());
  }
  std::filesystem::path results() const { return folder_.path() / "results"; }
  const TemporaryFolder& folder() const { return folder_; }
  size_t asked() const { return asked_; }

 private:
  TemporaryFolder folder_;
  Declarations declarations_{fake_engine_manifest(), fake_plugins()};
  size_t asked_ = 0;
};

}  // namespace tessera
