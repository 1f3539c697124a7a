#include "core/subprocess.hpp"

#include <signal.h>
#include <unistd.h>

#include "scratch_folder.hpp"

namespace tessera {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ChildOptions worker(std::vector<std::string> arguments) {
  ChildOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), CORE_WORKER);
  return options;
}
Clock::time_point soon() { return Clock::now() + seconds(20); }

TEST(Subprocess, LinesComeWholeAndTheEndIsSeen) {
  Child child(worker({"spill"}));
  std::string line;
  for (const char* expected : {"one", "", "three"}) {
    ASSERT_EQ(child.read_line(line, soon()), Child::Read::line);
    EXPECT_EQ(line, expected);
  }
  EXPECT_EQ(child.read_line(line, soon()), Child::Read::end);
  EXPECT_TRUE(child.wait(soon())->clean());
  EXPECT_EQ(child.wait(soon())->describe(), "exited with code 0");
}

TEST(Subprocess, LargeInputNeedsNobodyToFeedIt) {
  auto options = worker({"echo"});
  for (int i = 0; i < 300000; ++i) options.stdin_text += std::to_string(i) + "\n";
  Child child(options);
  std::string line;
  int count = 0;
  while (child.read_line(line, soon()) == Child::Read::line) ASSERT_EQ(line, std::to_string(count++));
  EXPECT_EQ(count, 300000);
}

TEST(Subprocess, PipedInput) {
  auto options = worker({"echo"});
  options.stdin_pipe = true;
  Child child(options);
  child.write_stdin("hello\n");
  child.close_stdin();
  std::string line;
  EXPECT_EQ(child.read_line(line, soon()), Child::Read::line);
  EXPECT_EQ(line, "hello");
  EXPECT_TRUE(child.wait(soon())->clean());
  Child gone(([] {
    auto o = worker({"points"});
    o.stdin_pipe = true;
    return o;
  })());
  gone.wait(soon());
  gone.write_stdin(std::string(1 << 20, 'x'));  // neither an exception nor SIGPIPE
}

TEST(Subprocess, DeadlinesHold) {
  Child child(worker({"sleep"}));
  auto began = Clock::now();
  std::string line;
  EXPECT_FALSE(child.poll_line(line));
  EXPECT_EQ(child.read_line(line, Clock::now() + milliseconds(150)), Child::Read::timeout);
  EXPECT_FALSE(child.wait(Clock::now() + milliseconds(150)));
  auto took = Clock::now() - began;
  EXPECT_GE(took, milliseconds(300));
  EXPECT_LT(took, seconds(5));
  child.kill();
  EXPECT_EQ(child.wait(soon())->describe(), "was killed by signal 9 (Killed)");
  EXPECT_EQ(child.read_line(line, soon()), Child::Read::end);
}

TEST(Subprocess, DestructorKillsAndReaps) {
  pid_t pid;
  {
    Child child(worker({"sleep"}));
    Child moved(std::move(child));
    pid = moved.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Subprocess, CrashIsASignal) {
  auto options = worker({"crash"});
  options.err = Stream::null;
  Child child(options);
  EXPECT_EQ(child.wait(soon())->signal, SIGABRT);
}

TEST(Subprocess, EnvironmentFilesAndMissingProgram) {
  ScratchFolder folder;
  auto options = worker({"environment"});
  options.environment = {{"TESSERA_TEST_VARIABLE", "a b=c"}};
  options.out = Stream::file;
  options.out_file = folder / "out";
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Child(options).wait(soon())->clean());
  EXPECT_EQ(read_file(folder / "out"), "a b=c\na b=c\n") << "appended";
  options.argv = {"/no/such/program"};
  EXPECT_EQ(error_of([&] { Child child(options); }), "cannot start /no/such/program: No such file or directory");
}

TEST(Subprocess, MemoryLimit) {
#ifdef TESSERA_ASAN
  GTEST_SKIP() << "AddressSanitizer reserves more address space than any limit";
#endif
  auto options = worker({"grow"});
  options.memory_limit = uint64_t{1} << 30;
  EXPECT_EQ(Child(options).wait(soon())->code, 9);
}

TEST(Subprocess, ChildDiesWithItsParent) {
  Child parent(worker({"orphan"}));
  std::string line;
  ASSERT_EQ(parent.read_line(line, soon()), Child::Read::line);
  pid_t orphan = std::stoi(line);
  EXPECT_TRUE(parent.wait(soon())->clean());
  // Its reaper is another process: wait until it is gone, or a zombie that nobody reaps here.
  auto gone = [&] {
    std::error_code error;
    if (!std::filesystem::exists("/proc/" + std::to_string(orphan), error)) return true;
    return error_of([&] { read_file("/proc/" + std::to_string(orphan) + "/stat"); }) != "" ||
           read_file("/proc/" + std::to_string(orphan) + "/stat").find(") Z") != std::string::npos;
  };
  auto deadline = soon();
  while (!gone() && Clock::now() < deadline) ::usleep(20000);
  EXPECT_TRUE(gone());
}

}  // namespace
}  // namespace tessera
