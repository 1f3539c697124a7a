// What the tests of the ledger share: questions to a database, the independent script, a user without rights.
#pragma once
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "fake_results.hpp"
#include "registry/ledger/database.hpp"
#include "registry/ledger/digest.hpp"
#include "registry/ledger/record.hpp"

namespace tessera {

inline std::string text(const FakeResults& results, const char* sql) {
  auto database = open_read_only(ledger_file(results.folder()));
  SQLite::Statement row(database, sql);
  return row.executeStep() ? row.getColumn(0).getString() : "no row";
}
inline double number(const FakeResults& results, const char* sql) {
  auto database = open_read_only(ledger_file(results.folder()));
  SQLite::Statement row(database, sql);
  return row.executeStep() ? row.getColumn(0).getDouble() : -1e9;
}
inline std::string digest_after_record(const FakeResults& results) {
  record(results.folder());
  auto database = open_read_only(ledger_file(results.folder()));
  return digest(database).sha256;
}

// Output of a shell command, and its exit status.
inline std::pair<std::string, int> shell(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  return {output, ::pclose(pipe)};
}

// Empty where database and script agree; else what the script says.
inline std::string expected_rows(const FakeResults& results) {
  const auto [output, status] = shell("python3 " TESSERA_SOURCE_DIR "/tests/ledger/expected_rows.py " + results.folder().string());
  return status == 0 ? "" : output;
}

// Takes write permission from a folder and, from root, the right to ignore permissions.
class Unprivileged {
 public:
  explicit Unprivileged(std::filesystem::path folder, mode_t mode = 0555) : folder_(std::move(folder)), root_(::geteuid() == 0) {
    ::chmod(folder_.c_str(), mode);
    if (root_ && ::seteuid(65534) != 0) throw std::runtime_error("seteuid");
  }
  ~Unprivileged() {
    if (root_ && ::seteuid(0) != 0) std::abort();
    ::chmod(folder_.c_str(), 0755);
  }

 private:
  std::filesystem::path folder_;
  bool root_;
};

}  // namespace tessera
