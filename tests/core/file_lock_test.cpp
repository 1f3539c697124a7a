#include "core/file_lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "scratch_folder.hpp"

namespace tessera {
namespace {

using std::chrono::milliseconds;

TEST(FileLock, IsOfOneAtATime) {
  ScratchFolder folder;
  LockRefusal refusal{};
  auto first = lock_file(folder / "lock", milliseconds(0), refusal, ExitCode::ledger);
  ASSERT_TRUE(first);
  EXPECT_EQ(refusal, LockRefusal::none);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(lock_file(folder / "lock", milliseconds(200), refusal, ExitCode::ledger));
  EXPECT_EQ(refusal, LockRefusal::busy);
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(200));
  first.reset();
  EXPECT_TRUE(lock_file(folder / "lock", milliseconds(0), refusal, ExitCode::ledger));
}

TEST(FileLock, SaysWhatIsWrong) {
  ScratchFolder folder;
  LockRefusal refusal{};
  try {
    lock_file(folder / "none/lock", milliseconds(0), refusal, ExitCode::ledger);
    FAIL() << "locked in no folder";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::ledger);
    EXPECT_NE(std::string(error.what()).find("none/lock: No such file or directory"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace tessera
