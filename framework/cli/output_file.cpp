#include "cli/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "core/error.hpp"
#include "core/files.hpp"

namespace tessera {
namespace {
namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& what) { throw Error(ExitCode::bad_config, "--out: " + what); }

// What stands there, links followed; no S_IFMT bits: nothing does.
struct stat status_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) status.st_mode = 0;
  return status;
}

bool is_other(const struct stat& status) { return status.st_mode != 0 && !S_ISREG(status.st_mode); }

// A terminal is no such case: two writers cannot overwrite each other there, and none reads what comes.
bool is_that_of_standard_output(const struct stat& status) {
  struct stat out {};
  return status.st_mode != 0 && !S_ISCHR(status.st_mode) && ::fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == status.st_dev &&
         out.st_ino == status.st_ino;
}

// The end of a chain of links; that of the last may be missing.
fs::path behind_links(fs::path path) {
  constexpr int kMostLinks = 40;  // as the kernel
  std::error_code none;
  for (int i = 0; i < kMostLinks && fs::is_symlink(path, none); ++i) path = path.parent_path() / fs::read_symlink(path);
  return path;
}

void write_into(const fs::path& path, std::string_view bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) throw_system_error("open " + path.string(), errno);
  write_fully(file.get(), bytes, path);
}

}  // namespace

OutputFile::OutputFile(CommandLine& line, OutputForm form) : line_(line), form_(std::move(form)) {
  namespace po = boost::program_options;
  line.options().add_options()(
      "out,o", po::value<std::string>()->notifier([this](const std::string& name) { given_ = name; })->value_name(form_.value_name),
      form_.help);
}

void OutputFile::check() {
  name_ = given_.value_or(form_.default_name);
  if (!given_ && name_.empty()) return;
  const std::string expected =
      form_.endings.empty() ? "a file name" : fmt::format("a file name that ends in {}", fmt::join(form_.endings, " or "));
  if (name_.empty()) refuse(fmt::format("found '', expected {}", expected));
  const auto status = status_of(name_);
  standard_output_ = name_ == "-" || is_that_of_standard_output(status);
  if (standard_output_) {
    if (line_.common().json && !form_.json_is_content)
      refuse(fmt::format("found '{}' and --json, expected one of them on standard output", name_));
    if (!form_.text && ::isatty(STDOUT_FILENO))
      refuse(fmt::format("found '{}', expected {}: a terminal shows no picture", name_, expected));
    return;
  }
  const auto ending = fs::path(name_).extension().string();
  const bool fits = form_.endings.empty() || std::find(form_.endings.begin(), form_.endings.end(), ending) != form_.endings.end();
  if (!fits && (S_ISDIR(status.st_mode) || !is_other(status))) refuse(fmt::format("found '{}', expected {}", name_, expected));
  check_place();
}

void OutputFile::check_place() const {
  const auto status = status_of(name_);
  if (S_ISDIR(status.st_mode)) refuse(fmt::format("found the folder '{}', expected a file in it", name_));
  if (status.st_mode != 0) return;
  const auto target = behind_links(name_);
  std::error_code none;
  if (fs::is_symlink(target, none)) refuse(fmt::format("found '{}', expected a file: its links go round in a circle", name_));
  const auto folder = target.parent_path();
  if (!folder.empty() && !S_ISDIR(status_of(folder).st_mode))
    refuse(fmt::format("found '{}', expected a file in a folder that exists: there is no folder {}", name_, folder.string()));
}

void OutputFile::write(std::string_view bytes) const {
  if (standard_output_) {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);  // main says what cannot be written
    return;
  }
  try {
    const auto status = status_of(name_);
    if (status.st_mode != 0 && ::access(name_.c_str(), W_OK) != 0) throw_system_error("write " + name_, errno);
    if (is_other(status))
      write_into(name_, bytes);
    else
      write_file_atomically(behind_links(name_), bytes);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("--out: {}", error.what()));
  }
}

}  // namespace tessera
