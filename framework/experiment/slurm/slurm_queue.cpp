#include "experiment/slurm/slurm_queue.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "core/error.hpp"
#include "core/files.hpp"
#include "core/journal.hpp"
#include "core/stage_folder.hpp"
#include "core/subprocess.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // a busy controller answers late
constexpr size_t kLogTail = 64 << 10;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \n"), end = text.find_last_not_of(" \n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

// "slurmstepd-n1: error: *** JOB 17 ON n1 CANCELLED AT 2026-01-01T10:00:00 DUE TO TIME LIMIT ***" -> "Slurm cancelled it at … due to
// time limit"; "" for other lines.
std::string cancellation(const std::string& line) {
  const auto begin = line.find(" CANCELLED AT "), end = line.rfind(" ***");
  if (line.rfind("slurmstepd", 0) != 0 || begin == std::string::npos || end == std::string::npos || end < begin) return "";
  auto words = split(line.substr(begin + 14, end - begin - 14), ' ');
  std::string text = fmt::format("Slurm cancelled it at {}", words.empty() ? "" : words[0]);
  for (size_t i = 1; i < words.size(); ++i) {
    std::transform(words[i].begin(), words[i].end(), words[i].begin(), [](unsigned char c) { return std::tolower(c); });
    text += " " + words[i];
  }
  return text;
}

struct Ending {
  std::string reason;
  bool failed = false;
};

// The job's script ends its log with "tessera: … : ended: <why>", unless Slurm ended it.
Ending last_words(const fs::path& log) {
  const auto text = read_file(log);
  const auto lines = split(text.substr(text.size() > kLogTail ? text.size() - kLogTail : 0), '\n');
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (const auto cancelled = cancellation(*line); !cancelled.empty())
      return {cancelled, cancelled.find(" due to time limit") != std::string::npos};
    if (const auto at = line->find(": ended: "); line->rfind("tessera: ", 0) == 0 && at != std::string::npos)
      return {line->substr(at + 9), true};
  }
  return {"it ended without a word: its machine failed, or it was killed", false};
}

Ending ending_of(const SlurmTask& task, const std::vector<Run>& runs) {
  if (!runs.empty() && runs.back().ended) {
    const auto end = last_journal_line(runs.back().folder / "journal.jsonl");
    if (auto told = end ? end->value("error", std::string()) : std::string(); !told.empty()) return {told, true};
  }
  return last_words(task.log);
}

}  // namespace

std::string run_slurm_program(const std::vector<std::string>& argv) {
  ChildOptions options;
  options.argv = argv;
  options.err = Stream::pipe;
  std::optional<Child> child;
  try {
    child.emplace(options);
  } catch (const Error& error) {
    throw Error(ExitCode::bad_config, fmt::format("{}; expected Slurm's programs on the PATH of this machine", error.what()));
  }
  const auto deadline = Clock::now() + kPatience;
  std::string out, line;
  auto read = Child::Read::line;
  while ((read = child->read_line(line, deadline)) == Child::Read::line) out += line + "\n";
  const auto status = read == Child::Read::end ? child->wait(deadline) : std::nullopt;
  if (!status)
    throw Error(ExitCode::run_failed, fmt::format("{} has not answered for {} s: is Slurm's controller up?", argv[0], kPatience.count()));
  if (status->clean()) return out;
  auto said = trimmed(child->drain_err());
  std::replace(said.begin(), said.end(), '\n', ' ');
  throw Error(ExitCode::run_failed, fmt::format("{} {}: {}", argv[0], status->describe(), said));
}

std::map<std::string, SlurmTask> submitted_tasks(const fs::path& results) {
  std::vector<std::pair<fs::file_time_type, fs::path>> lists;
  std::error_code error;
  for (fs::directory_iterator front(results / "fronts", error), end; !error && front != end; front.increment(error)) {
    std::error_code none;
    for (fs::directory_iterator array(front->path(), none), last; !none && array != last; array.increment(none))
      if (const auto list = array->path() / "tasks.tsv"; fs::exists(list)) lists.emplace_back(fs::last_write_time(list), list);
  }
  std::sort(lists.begin(), lists.end());
  std::map<std::string, SlurmTask> tasks;
  for (const auto& [time, list] : lists) {
    const auto folder = list.parent_path();
    for (const auto& line : split(read_file(list), '\n')) {
      const auto fields = split(line, '\t');
      if (fields.size() != 4) continue;
      const auto id = fmt::format("{} {} {}", folder.parent_path().filename().string(), folder.filename().string(), fields[0]);
      tasks[fields[2]] = {fields[1], fields[2], fields[3], id, folder / (fields[0] + ".log")};
    }
  }
  return tasks;
}

std::map<std::string, QueuedJob> queued_jobs() {
  const auto text =
      run_slurm_program({"squeue", "--noheader", "--array", "--user=" + std::to_string(::geteuid()), "--format=%F|%K|%T|%r|%k"});
  std::map<std::string, QueuedJob> jobs;
  for (const auto& line : split(text, '\n')) {
    const auto fields = split(line, '|');
    // What waits for a job that failed is as good as gone; Slurm removes it.
    if (fields.size() != 5 || fields[3] == "DependencyNeverSatisfied") continue;
    const auto comment = split(fields[4], ' ');
    if (comment.size() != 3 || comment[0] != kSlurmComment) continue;
    jobs[fmt::format("{} {} {}", comment[1], comment[2], fields[1])] = {fields[0] + "_" + fields[1], fields[2], fields[3]};
  }
  return jobs;
}

std::vector<SlurmStage> queued_stages(const fs::path& results) {
  const auto tasks = submitted_tasks(results);
  if (std::all_of(tasks.begin(), tasks.end(),
                  [&](const auto& one) { return StageFolder(results, one.second.kind, one.first).published(); }))
    return {};
  std::vector<SlurmStage> stages;
  try {
    stages = slurm_stages(results, queued_jobs(), false);
  } catch (const Error& error) {
    if (error.code() == ExitCode::bad_config) return {};  // no squeue here
    throw;
  }
  std::erase_if(stages, [](const SlurmStage& stage) { return stage.outcome != SlurmOutcome::queued || stage.queued.job.empty(); });
  return stages;
}

std::vector<SlurmStage> slurm_stages(const fs::path& results, const std::map<std::string, QueuedJob>& queued, bool assume_waiting) {
  std::vector<SlurmStage> stages;
  for (const auto& [key, task] : submitted_tasks(results)) {
    SlurmStage stage{task, SlurmOutcome::over, {}, {}, false, false};
    const StageFolder folder(results, task.kind, key);
    const auto runs = folder.runs();
    const bool live = !runs.empty() && runs.back().alive && !runs.back().ended;
    std::error_code error;
    stage.began = fs::exists(task.log, error);
    if (folder.published()) {
      stage.outcome = SlurmOutcome::done;
    } else if (const auto job = queued.find(task.id); job != queued.end()) {
      stage.outcome = SlurmOutcome::queued;
      stage.queued = job->second;
    } else if (live || (assume_waiting && !stage.began)) {
      stage.outcome = SlurmOutcome::queued;
      stage.queued = {"", live ? "RUNNING" : "PENDING", ""};
    } else {
      const auto ending = stage.began ? ending_of(task, runs)
                                      : Ending{"its job was cancelled before it began, or one that it waited for came to no result"};
      stage.reason = ending.reason;
      stage.failed = ending.failed;
    }
    stages.push_back(std::move(stage));
  }
  std::sort(stages.begin(), stages.end(), [](const SlurmStage& a, const SlurmStage& b) { return a.task.id < b.task.id; });
  return stages;
}

}  // namespace tessera
