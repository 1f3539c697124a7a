#include "registry/catalog/loader.hpp"

#include <boost/dll/shared_library.hpp>
#include <map>
#include <stdexcept>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/option_schema.hpp"
#include "core/output_capture.hpp"
#include "registry/catalog/descriptor_check.hpp"
#include "registry/catalog/elf_check.hpp"

namespace tessera {
namespace {

// Why a library is refused.
class Refusal : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Boost's text around dlerror's: "…(dlerror system message: <text>): Bad file descriptor".
std::string dlerror_part(const std::string& text) {
  constexpr std::string_view kBefore = "dlerror system message: ";
  auto begin = text.find(kBefore), end = text.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return text;
  return text.substr(begin + kBefore.size(), end - begin - kBefore.size());
}

const tessera_descriptor* ask(boost::dll::shared_library& library, size_t& count) {
  try {
    return library.get<const tessera_descriptor*(size_t*)>("tessera_plugins")(&count);
  } catch (...) {
    throw Refusal("found an exception out of tessera_plugins(), expected descriptors");
  }
}

const tessera_descriptor& open(const std::filesystem::path& file) {
  if (auto wrong = check_elf(file)) throw Refusal(*wrong);
  // The heap keeps it open for ever.
  auto* library = new boost::dll::shared_library();
  size_t count = 0;
  const tessera_descriptor* descriptors = nullptr;
  OutputCapture capture;
  try {
    library->load(std::filesystem::absolute(file).string(), boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& failed) {
    throw Refusal("cannot be opened: " + valid_utf8(dlerror_part(failed.what())));
  }
  if (!library->has("tessera_plugins")) throw Refusal("found no function tessera_plugins, expected one (TESSERA_EXPORT makes it)");
  descriptors = ask(*library, count);
  auto wrong = check_descriptors(descriptors, count, file.stem().string());
  auto printed = capture.finish();
  if (wrong) throw Refusal(*wrong);
  if (!printed.empty()) throw Refusal("found " + shown(Json(printed)) + " on standard output, expected a plugin to print nothing");
  return *descriptors;
}

}  // namespace

const tessera_descriptor& load_plugin(const std::filesystem::path& file, const std::string& sha256) {
  static std::map<std::string, const tessera_descriptor*> loaded;
  if (auto found = loaded.find(file.string()); found != loaded.end()) return *found->second;
  // Taken anew: a library that changed since it was probed is another one.
  if (auto hash = sha256_file(file); !sha256.empty() && hash != sha256)
    throw Error(ExitCode::bad_plugin,
                file.string() + ": found the SHA-256 " + hash + ", expected " + sha256 + ": the file changed after it was probed");
  try {
    return *(loaded[file.string()] = &open(file));
  } catch (const Refusal& refusal) {
    loaded.erase(file.string());
    throw Error(ExitCode::bad_plugin, file.string() + ": " + refusal.what());
  }
}

Json probe_file(const std::filesystem::path& file) {
  std::string name = valid_utf8(file.string());
  try {
    Json line = {{"type", "plugin"}, {"file", name}, {"sha256", sha256_file(file)}};
    line.update(manifest_of(open(file)));
    return line;
  } catch (const Refusal& refusal) {
    return {{"type", "refused"}, {"file", name}, {"reason", refusal.what()}};
  } catch (const Error& error) {
    return {{"type", "refused"}, {"file", name}, {"reason", error.what()}};
  }
}

void run_probe(const std::vector<std::filesystem::path>& files, std::ostream& out) {
  for (const auto& file : files) {
    out << to_line({{"type", "begin"}, {"file", valid_utf8(file.string())}}) << std::endl;
    out << to_line(probe_file(file)) << std::endl;
  }
}

}  // namespace tessera
