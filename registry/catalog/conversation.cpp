#include "registry/catalog/conversation.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"

namespace tessera {
namespace {

// How one child's part ended: questions before `next` are answered; `reason` blames question `next`, unless it is empty.
struct Part {
  size_t next = 0;
  std::string reason;
  bool unsure = false;
};

class Talk {
 public:
  Talk(const Conversation& conversation, size_t questions) : conversation_(conversation), answers_(questions) {}

  std::vector<Json> run() {
    std::set<size_t> retried;
    for (size_t first = 0; first < answers_.size();) {
      Part part = ask_from(first);
      first = part.next;
      if (part.reason.empty()) continue;
      // Others may have kept the machine busy: the second time counts.
      if (part.unsure && retried.insert(first).second) continue;
      answers_[first] = conversation_.blame(first, part.reason, part.unsure);
      ++first;
    }
    return std::move(answers_);
  }

 private:
  Part ask_from(size_t first) {
    Child child(conversation_.start(first));
    bool begun = false;
    // The start of a child loads LibTorch; it counts for the first question.
    auto deadline = Clock::now() + conversation_.limit;
    for (size_t i = first;;) {
      std::string text;
      auto read = i < answers_.size() ? read_line(child, i, text, deadline) : Child::Read::end;
      if (read == Child::Read::timeout || (read == Child::Read::line && Clock::now() > deadline))
        return {i, "took longer than " + std::to_string(conversation_.limit.count()) + " seconds" + in_where(), true};
      if (read == Child::Read::end) return ended(child, i, begun, deadline);
      auto line = try_parse_json(text);
      bool object = line && line->is_object();
      if (!begun) {
        begun = object && conversation_.begins(*line, i);  // what is printed between questions can be blamed on none
        where_.clear();
      } else if (object && line->value("type", Json()) == "at" && line->contains("where") && line->at("where").is_string()) {
        where_ = line->at("where").get<std::string>();
      } else if (object && conversation_.answers(*line, i)) {
        answers_[i++] = std::move(*line);
        begun = false;
        where_.clear();
        deadline = Clock::now() + conversation_.limit;
      } else {
        return {i, "printed to standard output: " + to_line(shortened(valid_utf8(text), 60)), false};
      }
    }
  }

  // The next line; who waits for it is told once, when it does not come soon.
  Child::Read read_line(Child& child, size_t i, std::string& text, Clock::time_point deadline) {
    using std::chrono::milliseconds;
    const auto patience = std::min(milliseconds(10'000), milliseconds(conversation_.limit) / 2);
    const auto soon = std::min(deadline, Clock::now() + patience);
    const auto read = child.read_line(text, soon);
    if (read != Child::Read::timeout || soon == deadline) return read;
    if (conversation_.waiting && told_.insert(i).second) conversation_.waiting(i);
    return child.read_line(text, deadline);
  }

  std::string in_where() const { return where_.empty() ? "" : " in " + where_; }

  Part ended(Child& child, size_t i, bool begun, Clock::time_point deadline) {
    if (i == answers_.size()) return {i, "", false};
    auto status = child.wait(deadline);
    if (!status) return {i, "closed standard output and did not end", true};
    // Before any question it is the host that is broken, not the one asked about.
    if (!begun)
      throw Error(ExitCode::run_failed,
                  conversation_.host + " " + status->describe() + ": " + shortened(valid_utf8(child.drain_err()), 400));
    return {i, status->describe() + in_where(), status->signal == SIGKILL};
  }

  const Conversation& conversation_;
  std::vector<Json> answers_;
  std::set<size_t> told_;
  std::string where_;  // of the question that is being asked
};

}  // namespace

std::string waiting_text(const std::string& what, std::chrono::seconds limit) {
  return what + " takes long; it is given " + std::to_string(limit.count()) + " seconds, and a second try";
}

std::vector<Json> converse(const Conversation& conversation, size_t questions) { return Talk(conversation, questions).run(); }

}  // namespace tessera
