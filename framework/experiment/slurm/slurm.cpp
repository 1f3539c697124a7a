#include "experiment/slurm/slurm.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "core/error.hpp"
#include "core/file_lock.hpp"
#include "core/files.hpp"
#include "core/stage_folder.hpp"
#include "experiment/slurm/slurm_arrays.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

// Two fronts at once would both find the same stages missing.
constexpr std::chrono::seconds kSubmissionPatience{60};

Descriptor lock_submission(const fs::path& results) {
  const auto path = results / ".slurm.lock";
  LockRefusal refusal{};
  auto held = lock_file(path, kSubmissionPatience, refusal, ExitCode::run_failed);
  if (held) return std::move(*held);
  throw Error(ExitCode::run_failed, refusal == LockRefusal::busy
                                        ? fmt::format("{}: another program has been submitting for {} s: try again when it is done",
                                                      path.string(), kSubmissionPatience.count())
                                        : path.string() + " cannot be written");
}

class Submitter {
 public:
  Submitter(const Plan& plan, std::string uuid, fs::path host, const fs::path& results, const SlurmOptions& options, int64_t retries)
      : plan_(plan), uuid_(std::move(uuid)), host_(std::move(host)), results_(fs::absolute(results).lexically_normal()), options_(options),
        retries_(retries) {}

  Submission run() {
    if (results_.string().find('\\') != std::string::npos)  // sbatch takes it for an escape in the name of a job's output
      throw Error(
          ExitCode::bad_config,
          fmt::format("--slurm: found a backslash in the results folder {}, which Slurm cannot write to: name another one by --results",
                      results_.string()));
    const auto lock = lock_submission(results_);
    const auto keys = keys_to_submit();
    if (keys.empty()) return std::move(submission_);
    submission_.folder = results_ / "fronts" / uuid_;
    arrays_ = stage_arrays(plan_, keys, queued_keys_);
    // All of it stands before the first job does.
    for (size_t i = 0; i < arrays_.size(); ++i) write_tasks(i);
    write_file_atomically(submission_.folder / "job.sh", kSlurmScript);
    for (size_t i = 0; i < arrays_.size(); ++i) submit(i);
    return std::move(submission_);
  }

 private:
  // The queue is asked first: a stage that is published in between is found published.
  std::set<std::string> keys_to_submit() {
    const auto queued = queued_jobs();
    std::map<std::string, SlurmStage> earlier;
    for (auto& stage : slurm_stages(results_, queued, false)) earlier.emplace(stage.task.key, std::move(stage));
    std::set<std::string> keys;
    for (const auto& stage : plan_.stages) {
      if (stage.state != StageState::to_run || StageFolder(results_, stage.kind, stage.key).published()) continue;
      const auto found = earlier.find(stage.key);
      if (found != earlier.end() && !found->second.queued.job.empty()) {
        queued_keys_[stage.key] = found->second.queued.job;
        submission_.queued.push_back(found->second);
        continue;
      }
      if (found != earlier.end() && found->second.outcome == SlurmOutcome::over) submission_.before.push_back(found->second);
      keys.insert(stage.key);
    }
    return keys;
  }

  fs::path folder(size_t array) const { return submission_.folder / std::to_string(array + 1); }

  void write_tasks(size_t array) {
    fs::create_directories(folder(array));
    std::string list;
    for (const auto& [index, stage] : arrays_[array].tasks) {
      const auto users = plan_.trials.size() > 1 ? plan_.users(*stage) : "";
      auto title = users.empty() ? stage->title() : fmt::format("{} ({})", stage->title(), users);
      std::replace_if(
          title.begin(), title.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
      list += fmt::format("{}\t{}\t{}\t{}\n", index, stage->kind, stage->key, title);
      write_file_atomically(folder(array) / fmt::format("{}.json", index), to_line(stage_spec(plan_, *stage, results_, options_.cpus)));
    }
    write_file_atomically(folder(array) / "tasks.tsv", list);
  }

  std::string dependency(const StageArray& array) const {
    std::vector<std::string> parts, tasks(array.after_queued.begin(), array.after_queued.end());
    for (const auto& [other, index] : array.after) tasks.push_back(fmt::format("{}_{}", submission_.arrays.at(other).job, index));
    if (!tasks.empty()) parts.push_back(fmt::format("afterok:{}", fmt::join(tasks, ":")));
    for (const size_t other : array.alongside) parts.push_back("aftercorr:" + submission_.arrays.at(other).job);
    return fmt::format("{}", fmt::join(parts, ","));
  }

  void submit(size_t number) {
    const auto& array = arrays_[number];
    SubmittedArray submitted{"", array.kind, array.tasks.size(), dependency(array)};
    auto output = (folder(number) / "%a.log").string();
    for (size_t at = 0; (at = output.find('%', at)) != std::string::npos && at + 6 < output.size(); at += 2) output.insert(at, "%");
    std::vector<std::string> argv = {"sbatch"};
    argv.insert(argv.end(), options_.sbatch.begin(), options_.sbatch.end());
    argv.insert(argv.end(),
                {"--parsable", fmt::format("--job-name={}:{}", plan_.experiment, array.kind),
                 fmt::format("--comment={} {} {}", kSlurmComment, uuid_, number + 1),
                 "--array=" + array.indices() + (options_.limit > 0 ? fmt::format("%{}", options_.limit) : ""), "--output=" + output,
                 "--open-mode=append", "--requeue", "--kill-on-invalid-dep=yes", fmt::format("--signal=B:USR1@{}", options_.grace),
                 "--ntasks=1", fmt::format("--cpus-per-task={}", options_.cpus)});
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) argv.push_back(fmt::format("--{}={}", name, value));
    };
    add("time", options_.time);
    add("partition", options_.partition);
    add("gres", options_.gres);
    add("mem", options_.memory);
    add("dependency", submitted.waits_for);
    argv.insert(argv.end(), {(submission_.folder / "job.sh").string(), folder(number).string(), fs::absolute(host_).string(),
                             std::to_string(retries_)});
    try {
      const auto answer = run_slurm_program(argv);  // "17" or "17;cluster"
      submitted.job = answer.substr(0, answer.find_first_of(";\n"));
    } catch (const Error& error) {
      if (number == 0) throw;
      throw Error(error.code(), fmt::format("{} ({} of {} job arrays are in the queue; the same command submits the rest)", error.what(),
                                            number, arrays_.size()));
    }
    submission_.arrays.push_back(std::move(submitted));
  }

  const Plan& plan_;
  std::string uuid_;
  fs::path host_, results_;
  const SlurmOptions& options_;
  int64_t retries_;
  std::map<std::string, std::string> queued_keys_;  // stage key -> job
  std::vector<StageArray> arrays_;
  Submission submission_;
};

}  // namespace

int64_t slurm_seconds(const std::string& time) {
  const auto dash = time.find('-');
  std::vector<int64_t> numbers;
  const char* at = time.data() + (dash == std::string::npos ? 0 : dash + 1);
  const char* end = time.data() + time.size();
  const auto read = [](const char* from, const char* to, int64_t& number) {
    const auto result = std::from_chars(from, to, number);
    return result.ec == std::errc() && number >= 0 && number < 1'000'000 ? result.ptr : nullptr;
  };
  int64_t days = 0;
  if (dash != std::string::npos && read(time.data(), time.data() + dash, days) != time.data() + dash) return -1;
  while (true) {
    numbers.push_back(0);
    at = read(at, end, numbers.back());
    if (!at || numbers.size() > 3) return -1;
    if (at == end) break;
    if (*at++ != ':') return -1;
  }
  if (dash != std::string::npos) {  // days-hours, …
    numbers.resize(3);
    return ((days * 24 + numbers[0]) * 60 + numbers[1]) * 60 + numbers[2];
  }
  if (numbers.size() == 1) return numbers[0] * 60;
  int64_t seconds = 0;
  for (const auto number : numbers) seconds = seconds * 60 + number;
  return seconds;
}

std::vector<std::string> SlurmOptions::devices() const {
  if (gres.find("gpu") == std::string::npos) return {"cpu"};
  return {"cpu", "cuda"};
}

void check_slurm_options(const SlurmOptions& options) {
  const auto refuse = [](const std::string& text) { throw Error(ExitCode::bad_config, text); };
  if (options.cpus < 1 || options.cpus > 1024)
    refuse(fmt::format("--slurm-cpus: found {}, expected a number from 1 to 1024", options.cpus));
  if (options.limit < 0) refuse(fmt::format("--slurm-limit: found {}, expected a number of at least 0", options.limit));
  if (options.grace < 1 || options.grace > 65535)
    refuse(fmt::format("--slurm-grace: found {}, expected a number from 1 to 65535", options.grace));
  if (options.time.empty()) return;
  const auto seconds = slurm_seconds(options.time);
  if (seconds < 0)
    refuse(fmt::format("--slurm-time: found '{}', expected minutes, minutes:seconds, hours:minutes:seconds or days-hours:minutes:seconds",
                       options.time));
  if (seconds < 2 * options.grace)
    refuse(fmt::format(
        "--slurm-time: found '{}', {} s, expected at least twice the {} s of --slurm-grace: Slurm tells a job so long before its "
        "time limit to write a checkpoint",
        options.time, seconds, options.grace));
}

Submission submit_to_slurm(const Plan& plan, const std::string& front_uuid, const fs::path& host, const fs::path& results,
                           const SlurmOptions& options, int64_t retries) {
  return Submitter(plan, front_uuid, host, results, options, retries).run();
}

}  // namespace tessera
