// Rows that fronts and runs share (stages, environments), and those that only fronts declare: experiments, cells, trials.
// Where two fronts disagree the newer one wins: by start time, then by uuid. So a front that removes a trial hides what older fronts
// declared, and a newer one brings it back.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "registry/ledger/statements.hpp"

namespace tessera {

class FrontRows {
 public:
  explicit FrontRows(Statements& statements) : statements_(statements) {}

  // Ids of rows, made where they do not exist. A stage's kind and parts are filled in by whoever knows them first.
  int64_t stage(const std::string& key, const Json& kind = nullptr, const Json& parts = nullptr);
  void stage_inputs(int64_t stage, const Json& inputs);
  std::optional<int64_t> environment(const Json& begin);

  int64_t begin(int64_t journal, const Json& line);
  // False: the type is none of a front's.
  bool line(int64_t front, const std::string& type, const Json& line);
  void end(int64_t front, const Json& line);
  // A run that its front judged failed is that, where it did not end done, failed or pruned by its own word.
  void apply_verdict(int64_t run);

 private:
  void experiment(int64_t front, const Json& line);
  void cell(int64_t front, const Json& line);
  void trial(int64_t front, const Json& line);
  void remove(int64_t front, const Json& line);
  void verdict(int64_t front, const Json& line);
  void find_removed(const std::string& experiment, const Json& cell, const Json& seed);
  std::optional<int64_t> experiment_id(const std::string& name);
  bool supersedes(int64_t front, std::optional<int64_t> other);
  std::pair<double, std::string> age(int64_t front);

  Statements& statements_;
  std::map<int64_t, std::pair<double, std::string>> ages_;
};

// A member of a line; Error(ledger) naming the member where it is missing or of another type.
const Json& member(const Json& line, const char* name);
std::string text_member(const Json& line, const char* name);
int64_t integer_member(const Json& line, const char* name);

}  // namespace tessera
