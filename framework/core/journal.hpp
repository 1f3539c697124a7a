// Journals: append-only JSON lines, one file a run or front.
//
// Invariants
//  1 A journal has one writer, which created it. Nothing rewinds, truncates or continues another's journal.
//  2 Every line carries "q" = 0, 1, 2 …; line 0 is "begin" and carries the format number.
//  3 A line is handed to the kernel before write() returns: a killed process loses nothing; sync() guards against power cuts.
//  4 A torn last line is no line: readers stop before it, and take it up when its end has come.
//  5 The file is locked (flock) as long as its writer lives, where the file system can: who gets the lock knows that no line follows.
//  6 A full disk pauses the writer; it loses no line and goes on when there is room.
#pragma once
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/files.hpp"
#include "core/json.hpp"

namespace tessera {

inline constexpr int64_t kJournalFormat = 1;

// Thread-safe.
class JournalWriter {
 public:
  // Creates the file (Error(run_failed) where it exists) and writes `begin` as line 0 with "t":"begin", "format" and "locked" added.
  JournalWriter(std::filesystem::path path, Json begin);
  // `line` is an object with "t"; "q" is added. Throws Error(run_failed) on any failure but a full disk.
  void write(Json line);
  void sync();
  int64_t lines() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void append(Json& line);

  std::filesystem::path path_;
  mutable std::mutex mutex_;
  Descriptor file_;
  int64_t next_ = 0;
  bool told_ = false;
};

class JournalReader {
 public:
  // From a byte offset, which must be 0 or an earlier offset(); `expected` is the "q" of the line there, -1 = not known.
  explicit JournalReader(std::filesystem::path path, int64_t offset = 0, int64_t expected = -1);
  struct Found {
    int64_t offset = 0;        // where the line begins
    std::string problem;       // "byte <n>: …", empty where it is sound
    std::optional<Json> line;  // where it can be used: it is sound, or lines before it are missing
  };
  // The next complete line, damaged or not; empty where there is none yet. A damaged one is passed over. Throws Error(ledger)
  // "<path>: byte 0: …" on a first line that is no begin of a known format: nothing behind it has a meaning.
  std::optional<Found> read();
  // For those who trust no damaged journal: throws Error(ledger) "<path>: byte <n>: …" on every problem.
  std::optional<Json> next();
  // Behind the last line that was returned.
  int64_t offset() const { return offset_; }

 private:
  bool fill();

  std::filesystem::path path_;
  Descriptor file_;
  int64_t offset_;
  std::string buffer_;  // bytes from offset_ - taken_ on
  size_t taken_ = 0;
  int64_t expected_;  // the next "q", -1 = not known yet
};

// Whether the process that writes the journal lives: its lock tells, or, where there is none, its process id on this machine. Empty
// where neither can tell (a writer on another machine), or the first line is not there yet.
std::optional<bool> journal_writer_lives(const std::filesystem::path& path);

// The uuid of its first line; empty where that is not there yet, or is none.
std::string journal_uuid(const std::filesystem::path& path);

// The last complete line of a journal, if it parses: how a run ended. Reads the tail only.
std::optional<Json> last_journal_line(const std::filesystem::path& path);

}  // namespace tessera
