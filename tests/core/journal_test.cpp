#include "core/journal.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <thread>

#include "core/subprocess.hpp"
#include "scratch_folder.hpp"

namespace tessera {
namespace {

void append_raw(const std::filesystem::path& path, const std::string& text) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND));
  write_fully(file.get(), text, path);
}

TEST(Journal, WritesWhatItReads) {
  ScratchFolder folder;
  JournalWriter writer(folder / "j", {{"what", "run"}});
  writer.write({{"t", "step"}, {"v", {{"loss", std::nan("")}}}});
  writer.sync();
  EXPECT_EQ(writer.lines(), 2);
  EXPECT_EQ(read_file(folder / "j"),
            "{\"format\":1,\"locked\":true,\"q\":0,\"t\":\"begin\",\"what\":\"run\"}\n{\"q\":1,\"t\":\"step\",\"v\":{\"loss\":\"nan\"}}\n");
  JournalReader reader(folder / "j");
  EXPECT_EQ(reader.next()->at("what"), "run");
  EXPECT_EQ(reader.next()->at("q"), 1);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(error_of([&] { JournalWriter again(folder / "j", Json::object()); }),
            "cannot create journal " + (folder / "j").string() + ": File exists");
}

TEST(Journal, KnowsWhetherItsWriterLives) {
  ScratchFolder folder;
  {
    JournalWriter writer(folder / "j", {{"what", "front"}});
    EXPECT_EQ(journal_writer_lives(folder / "j"), true);
  }
  EXPECT_EQ(journal_writer_lives(folder / "j"), false);
  EXPECT_EQ(journal_writer_lives(folder / "none"), std::nullopt);
}

TEST(Journal, TornLastLineIsNoLineUntilItsEndComes) {
  ScratchFolder folder;
  JournalWriter writer(folder / "j", Json::object());
  writer.write({{"t", "a"}});
  std::string whole = read_file(folder / "j"), torn = "{\"q\":2,\"t\":\"b\",\"x\":\"y\"}\n";
  JournalReader reader(folder / "j");
  while (reader.next()) {
  }
  for (char c : torn) {
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.offset(), static_cast<int64_t>(whole.size()));
    append_raw(folder / "j", std::string(1, c));
  }
  EXPECT_EQ(reader.next()->at("t"), "b");
  EXPECT_EQ(reader.offset(), static_cast<int64_t>(whole.size() + torn.size()));
}

TEST(Journal, GoesOnFromAnOffsetAcrossChunks) {
  ScratchFolder folder;
  JournalWriter writer(folder / "j", Json::object());
  for (int i = 1; i < 3000; ++i) writer.write({{"t", "x"}, {"text", std::string(static_cast<size_t>(i % 997), 'a')}});
  int64_t offset = 0;
  for (int64_t q = 0; q < 3000; ++q) {
    if (q % 700 == 0) {  // a new reader from the stored offset, as the recorder does
      JournalReader other(folder / "j", offset);
      ASSERT_EQ(other.next()->at("q"), q);
    }
    JournalReader reader(folder / "j", offset);
    ASSERT_EQ(reader.next()->at("q"), q);
    offset = reader.offset();
  }
  JournalReader all(folder / "j");
  int64_t count = 0;
  while (all.next()) ++count;
  EXPECT_EQ(count, 3000);
  EXPECT_EQ(all.offset(), offset);
}

TEST(Journal, RefusesWhatItCannotTrust) {
  ScratchFolder folder;
  auto text_of = [&](const std::string& content) {
    write_file_atomically(folder / "j", content);
    return error_of([&] {
      JournalReader reader(folder / "j");
      while (reader.next()) {
      }
    });
  };
  std::string j = (folder / "j").string(), begin = "{\"format\":1,\"locked\":true,\"q\":0,\"t\":\"begin\"}\n";
  EXPECT_EQ(text_of(begin + "{\"q\":2,\"t\":\"x\"}\n"), j + ": byte 45: found line 2, expected line 1");
  EXPECT_EQ(text_of(begin + begin), j + ": byte 45: found line 0, expected line 1");
  EXPECT_EQ(text_of(begin + "{\"t\":\"x\"}\n"), j + ": byte 45: a line without \"q\"");
  EXPECT_EQ(text_of(begin + "nonsense\n"), j + ": byte 45: no JSON object in a line");
  EXPECT_EQ(text_of("{\"format\":9,\"q\":0,\"t\":\"begin\"}\n"), j + ": byte 0: found journal format 9, expected 1 to 1");
  EXPECT_EQ(text_of("{\"format\":1,\"locked\":true,\"q\":0,\"t\":\"step\"}\n"), j + ": byte 0: the first line is no begin");
  EXPECT_EQ(text_of("{\"q\":1,\"t\":\"step\"}\n"), j + ": byte 0: found line 1, expected line 0");
  EXPECT_EQ(text_of(""), "");
}

TEST(Journal, ReadsOnBehindADamagedLine) {
  ScratchFolder folder;
  const std::string begin = "{\"format\":1,\"locked\":true,\"q\":0,\"t\":\"begin\"}\n";
  write_file_atomically(folder / "j", begin + "hello\n{\"q\":1}\n{\"q\":3}\n{\"q\":3}\n{\"t\":\"x\"}\n{\"q\":4}\n{\"q\":");
  std::vector<std::string> seen;
  JournalReader reader(folder / "j");
  while (const auto found = reader.read())
    seen.push_back((found->line ? found->line->at("q").dump() : "-") + (found->problem.empty() ? "" : " " + found->problem));
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "- byte 45: no JSON object in a line", "1", "3 byte 59: found line 3, expected line 2",
                                            "- byte 67: found line 3, expected line 4", "- byte 75: a line without \"q\"", "4"}));
}

TEST(Journal, LastLine) {
  ScratchFolder folder;
  EXPECT_FALSE(last_journal_line(folder / "j"));
  JournalWriter writer(folder / "j", Json::object());
  EXPECT_EQ(last_journal_line(folder / "j")->at("t"), "begin");
  writer.write({{"t", "end"}});
  append_raw(folder / "j", "{\"q\":3");
  EXPECT_EQ(last_journal_line(folder / "j")->at("t"), "end");
}

TEST(Journal, ThreadsDoNotMixLines) {
  ScratchFolder folder;
  JournalWriter writer(folder / "j", Json::object());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) writer.write({{"t", "x"}});
    });
  for (auto& thread : threads) thread.join();
  JournalReader reader(folder / "j");
  int64_t count = 0;
  while (reader.next()) ++count;
  EXPECT_EQ(count, 2001);
}

// On a tmpfs of 1 MiB: the writer waits, says so once, loses nothing and goes on when a file is removed.
TEST(Journal, FullDiskPausesTheWriter) {
  ScratchFolder folder;
  if (::mount("tessera", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "needs the right to mount a tmpfs (root)";
  struct Unmount {
    const std::filesystem::path& path;
    ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
  } unmount{folder.path()};
  write_file_atomically(folder / "ballast", std::string(900 * 1024, 'b'));
  ChildOptions options;
  options.argv = {CORE_WORKER, "full", (folder / "j").string()};
  options.err = Stream::pipe;
  Child child(options);
  EXPECT_FALSE(child.wait(Clock::now() + std::chrono::milliseconds(1000))) << "it should wait";
  std::string said = child.drain_err();
  EXPECT_EQ(said, "tessera: the disk is full: " + (folder / "j").string() + " waits until there is room\n");
  std::filesystem::remove(folder / "ballast");
  auto status = child.wait(Clock::now() + std::chrono::seconds(20));
  ASSERT_TRUE(status && status->clean());
  EXPECT_EQ(child.drain_err(), "tessera: there is room again: " + (folder / "j").string() + " goes on\n");
  JournalReader reader(folder / "j");
  int64_t count = 0;
  while (reader.next()) ++count;
  EXPECT_EQ(count, 400);
}

}  // namespace
}  // namespace tessera
