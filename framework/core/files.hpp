// Whole files, durably: write, sync, rename, sync the folder. Paths of the program itself, uuids, base64.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// An owned file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release();
  void close();

 private:
  int number_ = -1;
};

// All of these throw Error(run_failed) "cannot … <path>: <reason>".
std::string read_file(const std::filesystem::path& path);
// A reader sees the old file or the new one, whole; after a power cut too. Makes no folders; a file that is replaced hands on its
// permissions. What stands there goes, whatever it is: for names that users give see cli/output_file.hpp.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);
void write_fully(int descriptor, std::string_view bytes, const std::filesystem::path& path_in_errors);
void fsync_file(const std::filesystem::path& path);
void fsync_folder(const std::filesystem::path& path);
// A name beside `path` that no reader looks at: ".<name>.<uuid>".
std::filesystem::path temporary_beside(const std::filesystem::path& path);

// Why nothing can be written in a folder, or where it would be made, and what to do: "/a/results cannot be written: Permission denied;
// change its owner, or name another folder". Empty: it can.
std::string unwritable(const std::filesystem::path& folder);

// Opens descriptors 0 to 2 on /dev/null where they are closed: else the first files opened get their numbers, and what is printed.
// For the beginning of main().
void open_standard_descriptors();

// The folder of the running program, links resolved.
std::filesystem::path executable_folder();
// $XDG_CACHE_HOME/tessera or ~/.cache/tessera; TESSERA_CACHE overrides it. Not created here.
std::filesystem::path cache_folder();
// Random (version 4), lower case.
std::string make_uuid();

std::string base64_encode(std::string_view bytes);
// Throws Error(run_failed) on characters outside the alphabet and wrong padding.
std::string base64_decode(std::string_view text);

}  // namespace tessera
