#include "registry/catalog/catalog.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <stdexcept>

#include "core/error.hpp"
#include "registry/catalog/cache.hpp"
#include "registry/catalog/probe.hpp"

namespace tessera {
namespace {

size_t kind_rank(const std::string& kind) {
  return static_cast<size_t>(
      std::find_if(std::begin(kPluginKinds), std::end(kPluginKinds), [&](const PluginKind& known) { return kind == known.name; }) -
      kPluginKinds);
}

// A refusal that may end differently next time is believed for ten minutes: long enough for a session, so that a library that
// hangs does not hold up every command.
bool outdated(const Json& line) {
  return line.value("unsure", false) && std::abs(static_cast<int64_t>(std::time(nullptr)) - line.value("time", int64_t{0})) > 600;
}

CatalogPlugin from_line(const Json& line) {
  CatalogPlugin plugin;
  plugin.kind = line.at("kind");
  if (kind_rank(plugin.kind) == std::size(kPluginKinds)) throw std::out_of_range(plugin.kind);
  plugin.id = line.at("id");
  plugin.file = line.at("file").get<std::string>();
  plugin.sha256 = line.at("sha256");
  plugin.version = line.at("version");
  plugin.summary = line.at("summary");
  plugin.paper = line.at("paper");
  plugin.interface_revision = line.at("interface");
  plugin.revision = line.at("revision");
  for (const auto& option : line.at("options")) plugin.options.push_back(OptionSchema::from_json(option));
  plugin.manifest = line;
  return plugin;
}

}  // namespace

Catalog::Catalog(const CatalogSettings& settings) {
  Cache cache(settings.cache);
  auto files = find_plugin_files(settings);
  if (files.empty()) return;

  // From the cache, by the hashes of library and host.
  std::string host = host_hash(cache, settings.host);
  std::vector<Json> keys, lines;
  std::vector<std::filesystem::path> unknown;
  for (size_t i = 0; i < files.size();) {
    const auto& file = files[i];
    std::string hash;
    try {
      std::error_code error;
      if (std::filesystem::exists(file.file, error) && !std::filesystem::is_regular_file(file.file, error))
        throw Error(ExitCode::bad_plugin, "found no regular file, expected a shared library");
      hash = cache.file_hash(file.file);
    } catch (const Error& error) {
      refused_.push_back({file.file, error.what()});
      files.erase(files.begin() + static_cast<ptrdiff_t>(i));
      continue;
    }
    ++i;
    keys.push_back({{"host", host}, {"sha256", hash}, {"name", valid_utf8(file.file.filename().string())}});
    auto known = cache.find("manifests", keys.back());
    lines.push_back(known && known->is_object() && !outdated(*known) ? *known : Json());
    if (lines.back().is_null()) unknown.push_back(files[i - 1].file);
  }

  // The rest from children.
  auto probed = probe_files(settings, unknown);
  for (size_t i = 0, next = 0; i < files.size(); ++i) {
    if (lines[i].is_null()) {
      lines[i] = std::move(probed[next++]);
      if (lines[i].value("unsure", false)) lines[i]["time"] = static_cast<int64_t>(std::time(nullptr));
      cache.store("manifests", keys[i], lines[i]);
    }
    lines[i]["file"] = valid_utf8(files[i].file.string());  // a copy elsewhere shares the entry
    add(files[i], lines[i]);
  }
  std::stable_sort(plugins_.begin(), plugins_.end(), [](const CatalogPlugin& a, const CatalogPlugin& b) {
    return std::pair(kind_rank(a.kind), a.id) < std::pair(kind_rank(b.kind), b.id);
  });
}

void Catalog::add(const PluginFile& file, const Json& line) {
  auto refuse = [&](const std::string& reason) { refused_.push_back({file.file, reason}); };
  if (line.value("type", Json()) != "plugin") return refuse(line.value("reason", "the probe gave no reason"));
  CatalogPlugin plugin;
  try {
    plugin = from_line(line);
  } catch (const std::exception&) {
    return refuse("the probe printed a manifest that cannot be read");
  }
  std::string folder = kPluginKinds[kind_rank(plugin.kind)].folder;
  if (!file.kind_folder.empty() && file.kind_folder != folder)
    return refuse("found the kind " + plugin.kind + " in the folder " + file.kind_folder + ", expected it in " + folder);
  if (const auto* first = find(plugin.kind, plugin.id))
    return refuse("found a second " + plugin.kind + " '" + plugin.id + "', expected one: the first is " + first->file.string());
  plugins_.push_back(std::move(plugin));
}

const CatalogPlugin* Catalog::find(const std::string& kind, const std::string& id) const {
  auto found =
      std::find_if(plugins_.begin(), plugins_.end(), [&](const CatalogPlugin& plugin) { return plugin.kind == kind && plugin.id == id; });
  return found == plugins_.end() ? nullptr : &*found;
}

std::vector<Json> Catalog::lines() const {
  std::vector<Json> lines;
  for (const auto& plugin : plugins_) lines.push_back(plugin.manifest);
  for (const auto& plugin : refused_)
    lines.push_back({{"type", "refused"}, {"file", valid_utf8(plugin.file.string())}, {"reason", plugin.reason}});
  return lines;
}

Json engine_manifest_of(const CatalogSettings& settings) {
  Cache cache(settings.cache);
  Json key = {{"host", host_hash(cache, settings.host)}};
  if (auto known = cache.find("engine", key); known && known->is_object()) return *known;
  Json manifest = ask_engine(settings);
  cache.store("engine", key, manifest);
  return manifest;
}

}  // namespace tessera
