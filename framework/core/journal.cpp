#include "core/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/machine.hpp"

namespace tessera {

JournalWriter::JournalWriter(std::filesystem::path path, Json begin)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666)) {
  if (!file_) throw_system_error("create journal " + path_.string(), errno);
  TESSERA_FAULT_POINT("journal.created");
  begin["t"] = "begin";
  begin["format"] = kJournalFormat;
  begin["locked"] = ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0;
  append(begin);
}

void JournalWriter::write(Json line) {
  std::lock_guard lock(mutex_);
  append(line);
}

int64_t JournalWriter::lines() const {
  std::lock_guard lock(mutex_);
  return next_;
}

// Invariants 3 and 5: what did not fit is tried again from where it stopped, so a line is never written twice.
void JournalWriter::append(Json& line) {
  line["q"] = next_++;
  std::string text = to_line(line);
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != ENOSPC && errno != EDQUOT) throw_system_error("write journal " + path_.string(), errno);
    if (!told_) std::fprintf(stderr, "tessera: the disk is full: %s waits until there is room\n", path_.c_str());
    told_ = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  if (told_) std::fprintf(stderr, "tessera: there is room again: %s goes on\n", path_.c_str());
  told_ = false;
  TESSERA_FAULT_POINT("journal.written");
}

void JournalWriter::sync() {
  std::lock_guard lock(mutex_);
  TESSERA_FAULT_POINT("journal.before_sync");
  while (::fdatasync(file_.get()) != 0) {
    if (errno != EINTR) throw_system_error("sync journal " + path_.string(), errno);
  }
}

JournalReader::JournalReader(std::filesystem::path path, int64_t offset, int64_t expected)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)), offset_(offset), expected_(expected) {
  if (!file_) throw_system_error("read journal " + path_.string(), errno, ExitCode::ledger);
}

// Reads more behind the buffer; false at the end of the file.
bool JournalReader::fill() {
  buffer_.erase(0, taken_);
  taken_ = 0;
  size_t had = buffer_.size();
  constexpr size_t kChunk = 1 << 18;
  buffer_.resize(had + kChunk);
  ssize_t got;
  do {
    got = ::pread(file_.get(), buffer_.data() + had, kChunk, static_cast<off_t>(offset_) + static_cast<off_t>(had));
  } while (got < 0 && errno == EINTR);
  int error = errno;
  buffer_.resize(had + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) throw_system_error("read journal " + path_.string(), error, ExitCode::ledger);
  return got > 0;
}

std::optional<JournalReader::Found> JournalReader::read() {
  size_t searched = taken_, end;
  while ((end = buffer_.find('\n', searched)) == std::string::npos) {
    searched = buffer_.size() - taken_;  // where fill() moves the end of the known bytes to
    if (!fill()) return std::nullopt;
  }
  Found found{offset_, "", std::nullopt};
  if (offset_ == 0) expected_ = 0;
  auto line = try_parse_json(std::string_view(buffer_).substr(taken_, end - taken_));
  int64_t number = -1;
  if (!line || !line->is_object()) {
    found.problem = "no JSON object in a line";
  } else if (auto q = line->find("q"); q == line->end() || !q->is_number_integer()) {
    found.problem = "a line without \"q\"";
  } else {
    number = q->get<int64_t>();
    if (expected_ >= 0 && number != expected_) found.problem = fmt::format("found line {}, expected line {}", number, expected_);
  }
  if (offset_ == 0 && found.problem.empty()) {
    const int64_t format = line->contains("format") && line->at("format").is_number_integer() ? line->at("format").get<int64_t>() : -1;
    if (line->value("t", Json()) != "begin")
      found.problem = "the first line is no begin";
    else if (format < 1 || format > kJournalFormat)
      found.problem = fmt::format("found journal format {}, expected 1 to {}", format, kJournalFormat);
  }
  if (!found.problem.empty()) found.problem = fmt::format("byte {}: {}", offset_, found.problem);
  if (offset_ == 0 && !found.problem.empty()) throw Error(ExitCode::ledger, path_.string() + ": " + found.problem);
  if (number >= 0 && number >= expected_) {
    found.line = std::move(line);
    expected_ = number + 1;
  }
  offset_ += static_cast<int64_t>(end + 1 - taken_);
  taken_ = end + 1;
  return found;
}

std::optional<Json> JournalReader::next() {
  auto found = read();
  if (!found) return std::nullopt;
  if (!found->problem.empty()) throw Error(ExitCode::ledger, path_.string() + ": " + found->problem);
  return std::move(found->line);
}

std::optional<bool> journal_writer_lives(const std::filesystem::path& path) {
  std::optional<Json> begin;
  try {
    begin = JournalReader(path).next();
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!begin) return std::nullopt;
  if (begin->value("locked", Json()) == true) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::nullopt;
    return ::flock(file.get(), LOCK_SH | LOCK_NB) != 0;
  }
  const Json environment = begin->value("env", Json::object());
  if (!environment.is_object() || environment.value("host", "") != machine_name() || !environment.contains("pid")) return std::nullopt;
  return ::kill(static_cast<pid_t>(environment.value("pid", int64_t{0})), 0) == 0 || errno != ESRCH;
}

std::string journal_uuid(const std::filesystem::path& path) {
  try {
    const auto begin = JournalReader(path).next();
    const Json uuid = begin ? begin->value("uuid", Json()) : Json();
    return uuid.is_string() ? uuid.get<std::string>() : "";
  } catch (const Error&) {
    return "";
  }
}

std::optional<Json> last_journal_line(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::string tail(static_cast<size_t>(std::min<off_t>(size, 1 << 20)), '\0');
  ssize_t got = ::pread(file.get(), tail.data(), tail.size(), size - static_cast<off_t>(tail.size()));
  tail.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  auto end = tail.rfind('\n');
  if (end == std::string::npos) return std::nullopt;
  auto begin = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
  begin = begin == std::string::npos ? 0 : begin + 1;
  return try_parse_json(std::string_view(tail).substr(begin, end - begin));
}

}  // namespace tessera
