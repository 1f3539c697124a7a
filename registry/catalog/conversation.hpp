// The protocol that --probe and --check share: a child answers a list of questions in order; it prints a "begin" line, then the
// answer; between them perhaps {"type": "at", "where": "the constructor of …"} lines. When it ends, hangs or prints anything else, the
// question begun last is blamed and a new child is asked the rest.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "core/subprocess.hpp"

namespace tessera {

struct Conversation {
  std::string host;  // for errors
  // How a child is started that is asked the questions from `first` on.
  std::function<ChildOptions(size_t first)> start;
  // Whether a line is the begin line, or an answer, of question i.
  std::function<bool(const Json&line, size_t i)> begins, answers;
  // What stands for the answer of question i; unsure: another try may end differently.
  std::function<Json(size_t i, const std::string& reason, bool unsure)> blame;
  std::chrono::seconds limit{20};
  // Called once a question that is not answered after ten seconds, or half of the limit. May be empty.
  std::function<void(size_t i)> waiting;
};

// "the check of … takes long; it is given 120 seconds, and a second try"
std::string waiting_text(const std::string& what, std::chrono::seconds limit);

// One answer a question. A time-out is tried once more, in a child of its own. Throws Error(run_failed) where a child ends before
// it begins any question.
std::vector<Json> converse(const Conversation& conversation, size_t questions);

}  // namespace tessera
