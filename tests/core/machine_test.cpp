#include "core/machine.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/subprocess.hpp"

namespace tessera {
namespace {

TEST(Machine, TheAgeOfAProcessCountsFromItsStart) {
  const auto began = std::chrono::steady_clock::now();
  const double before = process_age();
  EXPECT_GT(before, 0.0);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double slept = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  EXPECT_NEAR(process_age() - before, slept, 0.1);
  // Of one that has just begun: not the age of the machine, nor of whoever began it.
  const auto start = std::chrono::steady_clock::now();
  ChildOptions options;
  options.argv = {CORE_WORKER, "age"};
  Child child(options);
  std::string line;
  ASSERT_EQ(child.read_line(line, Clock::now() + std::chrono::seconds(20)), Child::Read::line);
  const double waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_GE(std::stod(line), 0.2) << "it slept";
  EXPECT_LE(std::stod(line), waited + 0.05);
}

}  // namespace
}  // namespace tessera
