#include "data/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "core/error.hpp"
#include "data/refuse_file.hpp"

namespace tessera {
namespace {

constexpr int64_t kLargestMember = int64_t{1} << 28;

struct Closer {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Reader = std::unique_ptr<archive, Closer>;

Reader open_archive(const std::filesystem::path& path) {
  Reader reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) {
    refuse_file(path, std::string("found no readable tar archive: ") + archive_error_string(reader.get()));
  }
  return reader;
}

// Null at the end.
archive_entry* next_entry(archive* reader, const std::filesystem::path& path) {
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader, &entry);
  if (status == ARCHIVE_EOF) return nullptr;
  if (status < ARCHIVE_WARN) refuse_file(path, std::string("damaged archive: ") + archive_error_string(reader));
  return entry;
}

}  // namespace

void read_archive(const std::filesystem::path& path, const std::function<void(const std::string&, std::string)>& visit) {
  const Reader reader = open_archive(path);
  while (archive_entry* entry = next_entry(reader.get(), path)) {
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    const char* name = archive_entry_pathname_utf8(entry);
    if (!name) refuse_file(path, "damaged archive: a member's name is not UTF-8");
    const int64_t size = archive_entry_size(entry);
    if (size > kLargestMember) refuse_file(path, std::string(name) + " is larger than 256 MiB");
    std::string bytes(static_cast<size_t>(size), '\0');
    const auto got = archive_read_data(reader.get(), bytes.data(), bytes.size());
    if (got != size) {
      const char* reason = archive_error_string(reader.get());
      refuse_file(path, std::string("damaged archive: ") + name + ": " + (reason ? reason : "truncated"));
    }
    visit(name, std::move(bytes));
  }
}

void check_archive(const std::filesystem::path& path) {
  const Reader reader = open_archive(path);
  if (!next_entry(reader.get(), path)) refuse_file(path, "found an empty archive");
}

}  // namespace tessera
